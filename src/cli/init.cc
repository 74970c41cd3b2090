#include "app/init.h"

#include "cli/context.h"

namespace tidecast {

Status init_command(const Context& context, const InitArguments& arguments) {
  const std::string text = TRY(init(arguments));
  if (!context.quiet) fmt::print("{}\n", text);
  const std::string option = arguments.to == context.definition ? "" : fmt::format(" -c {}", arguments.to.string());
  if (!context.quiet)
    fmt::print("Written to {}. Look at its guesses; then: tidecast check{}\n", arguments.to.string(), option);
  return ok();
}

}  // namespace tidecast
