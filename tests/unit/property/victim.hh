#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "json/json.hh"

namespace mds::property {

struct Answer {
    int status = 0;
    json::object body;
};

/// A process with a workspace on a folder, that does one command at a time and can be made to die
/// by SIGKILL before the n-th system call that changes a file.
class Victim {
  public:
    explicit Victim(std::string folder);
    ~Victim();
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    void start();
    /// Ends it cleanly.
    void stop();
    bool alive() const { return pid_ > 0; }
    /// The system calls until it dies, from now on.
    void arm(int calls) { arm_ = calls; }
    /// Nothing when it died on the way. Commands of its own: "#login" {"user"} ends the connections
    /// of the user and goes on with the last session; "#check" says what is wrong with the database
    /// ({"problems":[...]}).
    std::optional<Answer> ask(const std::string& sid, const std::string& command,
                              const json::object& body);

  private:
    [[noreturn]] void run(int in, int out);
    std::string folder_;
    pid_t pid_ = -1;
    int to_ = -1, from_ = -1, arm_ = 0;
    int64_t clock_ms_ = 1'700'000'000'000;
};

}  // namespace mds::property
