#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "answers.hh"

namespace mds::firstboot {

/// What a look at the network says of an answer. `refusal`: it cannot be; `remark`: what somebody
/// should know who goes on.
struct Finding {
    std::string refusal, remark;
    /// Of the refusal ("RF-01"), empty when the catalogue has none.
    std::string id;
};
/// Looks at what an answer says about the network: takes up to some seconds. Called for answers that
/// check_value() accepts.
using Probe = std::function<Finding(const Question& question, const std::string& text, const Answers& others)>;

/// The real one. Of a question that has nothing to look at: nothing.
Finding probe(const HostFacts& host, const Question& question, const std::string& text, const Answers& others);
/// For answers that nobody was asked for: problems and notes. `given`: only those that this one
/// has.
void probe_all(const HostFacts& host, Answers& answers, const Answers* given = nullptr);

/// Hardware address of another machine that answers to this address of ours, or "another machine";
/// empty: nobody does, or that cannot be found out here. About half a second.
std::string other_owner(const std::string& address, const std::string& interface);
/// How far the clock of this host is behind a time server, in milliseconds; false: it does not answer
/// within a second.
bool clock_offset(const std::string& server, int64_t& offset_ms);

}  // namespace mds::firstboot
