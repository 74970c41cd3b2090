#pragma once
// The shapes of all that the API gives: JSON Schemas by name, components/schemas of the OpenAPI document.

#include "base/json.h"

namespace tidecast {

// {"Status": {...}, "Run": {...}, ...}
json::object api_schemas();

// Parts of it.
void add_overview_schemas(json::object& schemas);  // Status, target, accuracy, timeline: what the console's page draws.
void add_data_schemas(json::object& schemas);      // Server, definition, features, forecast, SQL, runs, models.
void add_record_schemas(json::object& schemas);    // Books, latest rows, dead letters, late records, verification.

}  // namespace tidecast
