#pragma once
#include <set>
#include <string>
#include <vector>

#include "mgmt/call.hh"

namespace mds::mgmt {

/// Name of the rule of a global layer that stands for the rules of each Domain (GA-1).
inline constexpr char k_placeholder_name[] = "Placeholder for domain rules";

/// What a Domain holds of the Global Domain, as its own copies with the same uids (GA-1 to GA-5). They
/// are ordinary objects of its database but for a mark: nobody but the next assignment changes them.
struct GlobalPolicy {
    /// Package of the Global Domain; empty = its objects alone.
    std::string policy;
    /// Newest publish of the Global Domain that is in it.
    uint64_t revision = 0;
    /// Its session: after a takeover of the Global Domain the same number may be another publish.
    std::string session;
    int64_t time_ms = 0;
    std::string by;
    /// Its ordered layers; the placeholder of the first one is filled with the Domain's first layer.
    std::vector<Uid> layers;
    std::set<Uid> objects;
};

/// What this Domain holds; nothing when no global policy is assigned to it.
std::optional<GlobalPolicy> global_policy(WorkspaceImpl& impl);
/// Whether a rule is the placeholder.
bool is_placeholder(const View& rule);
/// In a Domain: the layer that fills the placeholder of a global layer, for a package (nil = the first
/// package that has layers); nothing for every layer but the first one of the global policy.
std::optional<Uid> filling(Call& call, const Uid& global_layer, const Uid& package);
/// What people call an object that uses another: "rule 3 'x' of layer 'Network'", "group 'y'".
std::string described(Call& call, const View& view);
/// Throws no_permissions when the object is the Global Domain's.
void refuse_global(const View& view);

}  // namespace mds::mgmt
