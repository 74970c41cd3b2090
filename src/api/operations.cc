#include "api/operations.h"

#include "net/problem.h"

namespace tidecast {

HttpResponse answer_of(const Result<json::object>& result, int status) {
  if (!result.ok()) return problem(result.status());
  return {.status = status, .body = to_text(*result) + "\n"};
}

std::vector<Operation> make_operations() {
  std::vector<Operation> operations;
  add_loop_operations(operations);
  add_data_operations(operations);
  add_record_operations(operations);
  add_model_operations(operations);
  add_server_operations(operations);
  return operations;
}

}  // namespace tidecast
