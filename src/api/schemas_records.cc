#include "api/schema_parts.h"
#include "api/schemas.h"

namespace tidecast {
namespace {

using namespace schema;

json::object books_schema() {
  return object("How records ended; read is the sum of the others.", {{"read", count("")},
                                                                      {"stored", count("Counted, and in the archive.")},
                                                                      {"duplicate", count("Known before.")},
                                                                      {"late", count("Their windows had closed.")},
                                                                      {"dead", count("They could not be taken.")}});
}

json::object dead_letter_schema() {
  return object("A record that could not be taken.",
                {{"number", count("Of its arrival.")},
                 {"arrival", time("")},
                 {"source", text("")},
                 {"position", text("Where in the source.")},
                 {"reason", text("Where, what was found, what is expected.")},
                 {"raw", text("The record as it came; bytes that are no UTF-8 as U+FFFD.")},
                 {"replayed_as", nullable(count("The number it was taken as later."))}});
}

}  // namespace

void add_record_schemas(json::object& schemas) {
  json::object cell{{"type", json::array{"number", "string", "boolean", "null"}}};
  schemas["Books"] = books_schema();
  schemas["LatestFeatures"] =
      object("The newest row of each series that was asked for.",
             {{"group", text("")},
              {"rows", list_of(nullable(map_of(cell, "As in Features.")), "In the order of the keys; null: none.")}});
  schemas["Erased"] = object("What was taken out.", {{"group", text("")}, {"rows", count("Rows of windows.")}});
  schemas["DeadLetter"] = dead_letter_schema();
  schemas["DeadLetters"] = object(
      "Records that could not be taken.",
      {{"dead", count("Ever.")},
       {"left_out", count("Older ones of those that were asked for: with them it were more than 16 MB of records.")},
       {"letters", list_of(ref("DeadLetter"), "Newest first.")}});
  schemas["Replayed"] = object("What became of dead letters that were tried again.",
                               {{"taken", ref("Books")}, {"still_dead", count("They cannot be taken still.")}});
  schemas["LateRecords"] = object(
      "Records whose window had closed.",
      {{"late", count("Ever: counted in no window.")},
       {"left_out", count("Older ones of those that were asked for: with them it were more than 16 MB of records.")},
       {"records", list_of(object("", {{"number", count("")},
                                       {"arrival", time("")},
                                       {"time", time("Its event time.")},
                                       {"source", text("")},
                                       {"reason", text("")},
                                       {"counted", boolean("In a window of another group.")},
                                       {"raw", text("")}}),
                           "Newest first.")}});
  schemas["Verification"] = object(
      "Rows recomputed from the raw archive beside those that are stored.",
      {{"ok", boolean("There are rows, and every one is equal.")},
       {"compared", count("Rows in all; 0 proves nothing.")},
       {"records", count("Of the archive, gone through.")},
       {"groups", list_of(object("", {{"group", text("")},
                                      {"compared", count("Rows in either.")},
                                      {"equal", count("")},
                                      {"missing", count("Recomputed, but not stored.")},
                                      {"extra", count("Stored, but not recomputed.")},
                                      {"different", count("")},
                                      {"erased", count("Taken out on purpose, and not compared.")},
                                      {"correctable", count("Late records may still correct them; not compared.")},
                                      {"differences", list_of(text(""), "The first ten, in words.")}}),
                          "")}});
  schemas["Pushed"] = object("How pushed events ended; they are on the disk.",
                             {{"books", ref("Books")}, {"reasons", list_of(text(""), "Of the first dead ones.")}});
}

}  // namespace tidecast
