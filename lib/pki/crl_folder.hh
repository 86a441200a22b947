#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mds::pki {

/// Whether this is the name of a list: "root", "servers" or a Domain's uid, then "/", epoch, "-" and
/// number of the part, as in "servers/0-1". Nothing else ever becomes the name of a file.
bool is_crl_name(std::string_view name);

/// The folder of the revocation lists that a server serves: NAME.crl (DER, readable by everybody) for
/// every list, and `version`, the authority's number of the whole. One writer, any readers: files are
/// replaced in one step.
class CrlFolder {
  public:
    explicit CrlFolder(std::string folder);

    /// 0 when there are no lists.
    uint64_t version() const;
    /// Keeps lists (name, PEM) and then their version. A list that is older than the one here of the same
    /// authority stays out.
    /// Throws mds::Error(invalid_parameter) for a wrong name, something that is no list or one above
    /// k_max_crl_bytes; what came before it is kept, the version is not.
    void keep(const std::vector<std::pair<std::string, std::string>>& lists, uint64_t version) const;
    /// Names of the lists that are here, in order.
    std::vector<std::string> names() const;
    /// DER of the list with this name, not checked; nothing when there is none.
    std::optional<std::string> read(std::string_view name) const;

  private:
    std::string folder_;
};

}  // namespace mds::pki
