#include "nn/heads.h"

#include <array>
#include <cctype>
#include <string>

namespace tidecast::nn {
namespace {

struct Name {
  Head head;
  std::string_view name;
};
constexpr std::array<Name, 8> kNames{{{Head::kStudentT, "student-T"},
                                      {Head::kGaussian, "gaussian"},
                                      {Head::kLaplace, "laplace"},
                                      {Head::kNegativeBinomial, "negative-binomial"},
                                      {Head::kPoisson, "poisson"},
                                      {Head::kBeta, "beta"},
                                      {Head::kGamma, "gamma"},
                                      {Head::kPoint, "deterministic-L1"}}};

// Small letters alone, without GluonTS's "Output": "StudentTOutput" is "studentt".
std::string plain(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (c != '-' && c != '_') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (letters.ends_with("output")) letters.resize(letters.size() - 6);
  return letters == "normal" ? "gaussian" : letters;
}

}  // namespace

std::string_view name_of(Head head) { return kNames[static_cast<std::size_t>(head)].name; }

Result<Head> head_of(std::string_view name) {
  std::string allowed;
  for (const Name& known : kNames) {
    if (plain(known.name) == plain(name)) return known.head;
    allowed += (allowed.empty() ? "" : ", ") + std::string(known.name);
  }
  return invalid_argument("no likelihood is called \"{}\"; allowed: {}", name, allowed);
}

template <typename Real>
void head_mean(Head head, int lanes, const Real* parameters, Real* mean) {
  const Real *first = parameters, *second = parameters + lanes;
  const bool second_is_mean = head == Head::kStudentT || head == Head::kNegativeBinomial;
  for (int lane = 0; lane < lanes; ++lane)
    mean[lane] = head == Head::kBeta    ? first[lane] / (first[lane] + second[lane])
                 : head == Head::kGamma ? first[lane] / second[lane]
                 : second_is_mean       ? second[lane]
                                        : first[lane];
}
template void head_mean<float>(Head, int, const float*, float*);
template void head_mean<double>(Head, int, const double*, double*);

}  // namespace tidecast::nn
