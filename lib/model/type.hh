#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/json.hh"

namespace mds::model {

/// What a field holds; normal form in brackets.
enum class Kind {
    string,      ///< text without control characters
    integer,     ///< JSON integer within [low, high]
    boolean,     ///< JSON boolean
    choice,      ///< one of `choices`, in the case of the table
    ipv4,        ///< dotted decimal
    ipv6,        ///< RFC 5952
    ports,       ///< "80", "1024-2048", ">1023", "<1024"
    colour,      ///< one of colours()
    date,        ///< {"posix": ms}; rendered with iso-8601
    moment,      ///< {"date": "24-Nov-2014", "time": "21:22", "posix": ms, "iso-8601"}, in UTC
    reference,   ///< marked string of lib/store/refs.hh, to a type of `choices`
    references,  ///< array of marked strings without repetition
    strings,     ///< array of strings
    map,         ///< object with `fields`
    maps,        ///< array of such objects
    any          ///< kept as it came (control characters are refused all the same)
};

/// How addresses of a type come in and are shown (management-api.md, IP / SUBNET / IPFIRST).
enum class Addressing {
    none,
    host,    ///< ip-address, ipv4-address, ipv6-address
    subnet,  ///< subnet, subnet4, subnet6, mask-length, mask-length4, mask-length6, subnet-mask
    range,   ///< ip-address-first/-last, ipv4-..., ipv6-...
    any_of   ///< host or range (multicast-address-range)
};

struct Field {
    std::string name;
    Kind kind = Kind::string;
    bool required = false;
    /// Stored when it is not given at `add`; null = the field is absent then.
    json::value fallback = nullptr;
    /// Values of a choice; type names that a reference accepts (empty = every type).
    std::vector<std::string> choices;
    /// Members of a map.
    std::vector<Field> fields;
    int64_t low = 0, high = 4294967295;
    /// Accepted as input, never stored in the document and never shown (secrets): the command of
    /// the type takes it from the parameters itself.
    bool write_only = false;
    /// Set by the server only; input is refused as an unknown parameter.
    bool read_only = false;
    /// Stored but not shown in replies.
    bool internal = false;
    /// Decided for the whole deployment (who is Primary): a publish that comes back as a recovered
    /// session has what is published now, never what it had been.
    bool decided = false;
    /// Word that stands for an empty list, in input and in replies ("all"); empty = none.
    std::string none_word;
    /// A reference whose name is shown instead of the object.
    bool as_name = false;
    /// Addresses inside a map.
    Addressing addressing = Addressing::none;
    /// Shown at details level standard in lists.
    bool key = false;
    /// First API version that knows it.
    std::string since = "1";
};

/// One object type as data: everything that the generic commands need to know.
struct Type {
    /// "host"; "hosts"; key of the list in the plural reply ("objects").
    std::string name, plural, container = "objects";
    /// Name scope: names are unique within a family of one database.
    std::string family;
    std::string icon;
    Addressing addressing = Addressing::none;
    bool address_required = true;
    /// Has `groups` (membership) resp. `tags`.
    bool groups = false, tags = true;
    /// Type that `groups` refers to, and the field of it that lists members.
    std::string group_type = "group";
    /// add/set/delete commands are the generic ones; false: only show (another service writes).
    bool add = true, set = true, remove = true;
    /// Type that `set-if-exists` works on.
    bool set_if_exists = false;
    std::string since = "1";
    std::vector<Field> fields;
    /// Objects stand in an order inside the object that this field refers to ("layer", "package"):
    /// their names may be empty or repeat; the hidden field `order` says where (management-api.md
    /// 13).
    std::string within;
    /// What an administrator needs a right to: "objects", "access-policy", "nat-policy", "servers",
    /// "administrators", "assignments", "settings" (mgmt/call.hh, require_area).
    std::string area = "objects";
    /// Exactly one object per database, there from the start with the fallbacks of the fields: only
    /// set-<name> and show-<name>, which answer the fields alone.
    bool single = false;
    /// Kept by the server for itself: no command shows, lists or changes it.
    bool own = false;
    /// Parameters that are not fields are kept as they come.
    bool open = false;
    /// Fields whose references identify an object in place of a name; it has no name then.
    std::vector<std::string> pair;
    /// Rewrites other spellings of parameters before anything else reads them; may be null.
    void (*aliases)(json::object& params) = nullptr;
    /// Puts a whole document in normal form after every change; may be null.
    void (*normalise)(json::object& document) = nullptr;
    /// A last check of a whole document; throws mds::Error.
    void (*check)(const json::object& document) = nullptr;

    const Field* field(std::string_view field_name) const;
};

/// The types of one kind of management database, and the predefined objects it sees.
class Catalog {
  public:
    explicit Catalog(std::vector<Type> types);
    const Type* find(std::string_view name) const;
    const Type* find_plural(std::string_view plural) const;
    const std::vector<Type>& types() const { return types_; }
    /// The type, or Error(invalid_api_type).
    const Type& require(std::string_view name) const;
    /// Families of the named types (all families when empty), each once.
    std::vector<std::string> families(const std::vector<std::string>& type_names) const;

  private:
    std::vector<Type> types_;
    std::unordered_map<std::string, size_t> by_name_, by_plural_;
};

/// Types of a Domain (and of Global): network objects, services, tags, ...
const Catalog& domain_catalog();
/// Types of the system data: mds, domain, administrator, trusted-client, profiles, tag.
const Catalog& system_catalog();

/// Tables of one theme each.
std::vector<Type> network_types();
std::vector<Type> service_types();
std::vector<Type> policy_types();
std::vector<Type> gateway_types();
std::vector<Type> time_types();
std::vector<Type> settings_types();
std::vector<Type> system_settings_types();
std::vector<Type> system_types();

/// The colour names of the management API.
const std::vector<std::string>& colours();

}  // namespace mds::model
