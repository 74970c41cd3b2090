#pragma once
// What the tests of this room share: registries with a past, and their content as text.

#include <gtest/gtest.h>

#include "registry/registry.h"
#include "storage/temporary_folder.h"

namespace tidecast {

inline ProcessingTime at(int minute) { return ProcessingTime::from_ms(1'746'532'800'000 + minute * 60'000); }

// The value that must be there.
template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.message();
  return std::move(result).value();
}

inline std::unique_ptr<Registry> open(const TemporaryFolder& folder) { return must(Registry::open(folder.path())); }

inline ModelVersion model_of(const std::string& run, double loss = 0.1) {
  ModelVersion model;
  model.run = run;
  model.created_at = at(0);
  model.data_end = EventTime::from_ms(1'746'532'740'000);
  model.loss = loss;
  model.loss_point_90 = loss * 1.2;
  model.metrics = {{"windows", 10}, {"loss", loss}, {"gate", json::array{json::object{{"name", "naive"}}}}};
  return model;
}

// A registry with `models` versions, all approved.
inline std::unique_ptr<Registry> open_with_approved(const TemporaryFolder& folder, int models) {
  auto registry = open(folder);
  for (int i = 1; i <= models; ++i) {
    EXPECT_EQ(must(registry->add(model_of(fmt::format("run-{}", i)), fmt::format("weights {}", i), "scheduler")), i);
    EXPECT_TRUE(registry->approve(i, at(i), "cli:anna", "good").ok());
  }
  return registry;
}

inline std::string text_of(std::optional<int> version) { return version ? std::to_string(*version) : "-"; }

inline std::string stages_of(const Registry& registry, const std::string& stage) {
  return text_of(must(registry.placed(stage))) + " before " + text_of(must(registry.previous(stage)));
}

// One line a row: "2 approve 1 by cli:anna: good".
inline std::string log_of(const Registry& registry) {
  std::string text;
  for (const Transition& row : must(registry.log()))
    text += fmt::format("{} {} {}{} by {}: {} {}\n", row.number, row.what, row.version,
                        row.stage.empty() ? "" : " " + row.stage, row.actor, row.why, to_text(row.details));
  return text;
}

// Everything that can happen, once or more.
inline void live(Registry& registry) {
  ASSERT_TRUE(registry.set_threshold_if_absent(0.24, at(0)).ok());
  ASSERT_TRUE(registry.add(model_of("run-1"), "one", "scheduler").ok());
  ASSERT_TRUE(registry.approve(1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.place("staging", 1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.place("production", 1, at(1), "auto", "gate passed").ok());
  ASSERT_TRUE(registry.set_threshold(0.141, at(1), "auto", "model 1 in production").ok());
  ASSERT_TRUE(registry.add(model_of("run-2"), "two", "scheduler").ok());
  ASSERT_TRUE(registry.reject(2, at(2), "cli:bert", "worse \"by eye\"").ok());
  ASSERT_TRUE(registry.add(model_of("run-3"), "three", "scheduler").ok());
  ASSERT_TRUE(registry.approve(3, at(3), "cli:anna", "better").ok());
  ASSERT_TRUE(registry.place("production", 3, at(4), "cli:anna", "better").ok());
  ASSERT_TRUE(registry.place("production", 1, at(5), "cli:anna", "worse after all").ok());
}

}  // namespace tidecast
