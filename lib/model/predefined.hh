#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"
#include "json/json.hh"
#include "model/type.hh"

namespace mds::model {

/// A predefined object of the domain "Check Point Data" (management-api.md 15): read-only, the same
/// uid everywhere, kept here and not in any database.
struct Predefined {
    Uid uid;
    std::string type, family, name, icon;
    json::object document;
};

/// {"uid","name","domain-type"} of the domain they belong to.
const json::object& predefined_domain();
const std::vector<Predefined>& predefined_objects();
const Predefined* find_predefined(const Uid& uid);
/// By name (without regard to case) within a family; the object of the first match.
const Predefined* find_predefined(std::string_view family, std::string_view name);
/// The type to render it with: one of the catalogue, or a bare one (CpmiAnyObject, Track, ...).
const Type& type_of(const Predefined& object);
/// The uid that an object of this type and name has in every database: predefined objects and
/// settings (RFC 9562 version 8).
Uid fixed_uid(const std::string& type, const std::string& name);
/// For store::PublicDb::set_predefined.
bool is_predefined(const Uid& uid);

}  // namespace mds::model
