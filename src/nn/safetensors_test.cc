#include "nn/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

namespace tidecast::nn {
namespace {

std::string with_header(std::string header, std::string_view data = "") {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), 8);
  return file + header + std::string(data);
}

TEST(Safetensors, WhatIsWrittenReadsBackTheSame) {
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{-0.5f};
  const NamedTensor tensors[] = {{"a", {2, 3}, a}, {"b", {1}, b}};
  const std::string file = write_safetensors({{"who", "me \"quoted\""}}, tensors);
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  EXPECT_EQ(header % 8, 0u) << "numbers begin at a multiple of eight";
  const Safetensors read = parse_safetensors(file).value();
  EXPECT_EQ(read.metadata.at("who"), "me \"quoted\"");
  EXPECT_EQ(read.floats("a", std::vector<std::int64_t>{2, 3}).value(), a);
  EXPECT_EQ(read.floats("b", std::vector<std::int64_t>{1}).value(), b);
  EXPECT_EQ(read.floats("a", std::vector<std::int64_t>{3, 2}).message(),
            "tensor 'a' has shape [2, 3]; allowed: [3, 2]");
  EXPECT_EQ(read.floats("c", std::vector<std::int64_t>{1}).message(), "tensor 'c' is missing");
}

TEST(Safetensors, EveryCutOfAFileIsAnErrorOrHarmless) {
  const std::vector<float> a{1, 2, 3};
  const NamedTensor tensors[] = {{"a", {3}, a}};
  const std::string file = write_safetensors({}, tensors);
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(parse_safetensors(file.substr(0, size)).ok()) << size << " bytes";
}

TEST(Safetensors, AHeaderThatLiesIsRefusedWithTheReason) {
  const struct {
    std::string header, reason;
  } cases[] = {
      {"[1]", "not a JSON object"},
      {"{", "header: byte"},
      {R"({"a":3})", "tensor 'a'"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", "data_offsets"},
      {R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "dtype 'F33'"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "hold not the 4 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", "whole numbers from 0 to 8"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "found -1"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", "hold not"},
      {R"({"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,4]}})", "shape"},
      {R"({"__metadata__":{"a":1}})", "not a text"},
  };
  for (const auto& c : cases) {
    const auto read = parse_safetensors(with_header(c.header, "12345678"));
    ASSERT_FALSE(read.ok()) << c.header;
    EXPECT_EQ(read.code(), Code::kInvalidArgument);
    EXPECT_NE(read.message().find(c.reason), std::string::npos) << c.header << " gave: " << read.message();
  }
  std::string longer(16, '\xff');
  EXPECT_FALSE(parse_safetensors(longer).ok()) << "a header longer than memory";
}

}  // namespace
}  // namespace tidecast::nn
