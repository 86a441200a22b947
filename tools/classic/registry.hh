#pragma once
#include <string>
#include <vector>

// Each is the command of that name: its arguments, its exit code. They become mdsctl and do not return
// when that works.
namespace mds::classic {

/// The Domain Server of this shell (mdsenv) becomes Primary (RD-4); RF-28 without one.
int promote_util(const std::vector<std::string>& arguments);
int cpprod_util(const std::vector<std::string>& arguments);
int ckp_regedit(const std::vector<std::string>& arguments);

}  // namespace mds::classic
