#pragma once
#include <string>
#include <vector>

namespace mds::ctl::doctor {

/// Takes secrets out of texts that leave this machine: values of keys that hold one, private keys,
/// and the very secrets that files of this machine hold, wherever they stand.
class Mask {
  public:
    /// Remembers the secrets of /etc/mds: what setup.conf says, and the files that it names.
    explicit Mask(const std::string& etc);
    std::string operator()(std::string text) const;

  private:
    void remember(const std::string& secret);
    std::vector<std::string> known_;
};

}  // namespace mds::ctl::doctor
