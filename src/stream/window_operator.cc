#include "stream/window_operator.h"

#include "stream/aligned_windows.h"
#include "stream/session_windows.h"

namespace tidecast {

std::unique_ptr<WindowOperator> WindowOperator::make(std::size_t index, const WindowGroup& group,
                                                     const EventMapping& event) {
  if (group.kind == WindowKind::kSession) return std::make_unique<SessionWindows>(index, group, event);
  return std::make_unique<AlignedWindows>(index, group, event);
}

}  // namespace tidecast
