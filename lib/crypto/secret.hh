#pragma once
#include <string>
#include <string_view>

namespace mds::crypto {

/// Whether both texts are equal, in a time that depends on their lengths only.
bool equal(std::string_view a, std::string_view b);
/// Overwrites the text, its unused capacity too, and makes it empty; the compiler cannot drop it.
void wipe(std::string& secret);

/// Wipes a text at the end of the scope, also when an exception ends it.
class WipeAtEnd {
  public:
    explicit WipeAtEnd(std::string& secret) : secret_(secret) {}
    ~WipeAtEnd() { wipe(secret_); }
    WipeAtEnd(const WipeAtEnd&) = delete;
    WipeAtEnd& operator=(const WipeAtEnd&) = delete;

  private:
    std::string& secret_;
};

/// A process that holds secrets: no core dump, no ptrace by its own user, and its memory stays out
/// of swap as far as the limits allow (K-20). Returns false when memory could not be locked.
bool protect_process();

}  // namespace mds::crypto
