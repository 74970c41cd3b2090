#pragma once
// What the texts of sql_flink and sql_duckdb have in common.

#include <string>
#include <string_view>

#include "base/result.h"
#include "stream/pipeline.h"

namespace tidecast::sql {

std::string identifier(std::string_view name, char quote);  // Doubles `quote` inside.
std::string text(std::string_view value);                   // 'a''b'

// A group's condition in SQL; "" if it has none.  Errors: kInvalidArgument - as Predicate::parse.
Result<std::string> where(const WindowGroup& group, const EventMapping& event, char quote);

// `name`, with underscores behind it until none of the event's fields is called so.
std::string free_name(std::string name, const EventMapping& event);

// "tumbling windows of 1min from 00:00:07 on, 60s of lateness": what a group is, for a comment at the head.
std::string described(const WindowGroup& group);

}  // namespace tidecast::sql
