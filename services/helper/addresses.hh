#pragma once
#include <functional>
#include <string>
#include <vector>

namespace mds::helper {

/// One address of an interface of this host.
struct HostAddress {
    std::string address, interface;
    int prefix = 0;
};

/// The addresses this host has now.
std::vector<HostAddress> host_addresses();
/// The usual text form of an IPv4 or IPv6 host address; throws mds::Error(invalid_parameter) for
/// anything that cannot be the address of a server (no address, loopback, multicast, any, link-local).
std::string checked_address(const std::string& text);
/// Throws mds::Error(invalid_parameter) for what cannot be the name of an interface.
void check_interface(const std::string& name);
/// Throws mds::Error(invalid_parameter) for what cannot be a host name (RFC 1123, 64 characters).
void check_host_name(const std::string& name);
/// True when both addresses are in one network of `prefix` bits.
bool same_network(const std::string& a, const std::string& b, int prefix);

/// Adds and removes addresses, and remembers in a file which ones are ours.
class Addresses {
  public:
    /// Runs a program with fixed arguments and waits; throws mds::Error when it fails.
    using Run = std::function<void(const std::vector<std::string>& arguments)>;
    using List = std::function<std::vector<HostAddress>()>;

    Addresses(std::string record, Run run, List list);
    void add(const std::string& address, const std::string& interface, const std::string& beside);
    void remove(const std::string& address);

  private:
    std::vector<HostAddress> read_record() const;
    void write_record(const std::vector<HostAddress>& ours) const;

    std::string record_;
    Run run_;
    List list_;
};

/// Runs /usr/sbin/ip (the real `Run`).
void run_program(const std::vector<std::string>& arguments);

}  // namespace mds::helper
