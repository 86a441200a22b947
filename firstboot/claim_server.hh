#pragma once
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "face_web.hh"

namespace mds::firstboot {

/// The side of the claim page that is root: the socket on which mds-claim, which has no rights, asks. One connection
/// a request: a line of JSON each way. While this server is being set up, more lines follow the reply until that
/// has ended: {"line"} of what is printed, {"port"} when mds-claim must give its port up, which it confirms by a
/// byte, {"end"} at last. One request after the other.
class ClaimServer {
  public:
    ClaimServer(ClaimCode& code, WebFace::Around around, std::string folder);
    ~ClaimServer();
    ClaimServer(const ClaimServer&) = delete;
    ClaimServer& operator=(const ClaimServer&) = delete;

    /// Until this server is set up by it.
    void run(int listen_fd);

  private:
    void serve(int fd);
    void begin(const Answers& answers, const HostFacts& host);
    /// On the thread that sets up: whether the page has given up its port by itself, and stays.
    bool page_leaves_port();
    void read_progress();
    void tell(const json::object& line);
    void hear(size_t follower);

    WebFace face_;
    std::string done_file_, folder_;
    std::vector<int> followers_;
    /// What was told so far, for those who come later.
    std::vector<std::string> told_;
    std::thread worker_;
    int progress_ = -1, wanted_ = -1;
    std::string partial_;
    std::atomic<bool> succeeded_ = false;
    std::promise<bool> left_;
    std::atomic<bool> left_answered_ = true;
    bool finished_ = false;
};

}  // namespace mds::firstboot
