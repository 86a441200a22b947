#pragma once

namespace mds::app {

/// Overwrites what earlier calls have left on the stack below the caller: short secrets lie in the
/// text objects themselves, and with them on the stack (T-16).
void wipe_stack();

}  // namespace mds::app
