#include "claim_server.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "apply.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "boot.hh"
#include "claim_page.hh"
#include "crypto/secret.hh"
#include "log.hh"

namespace mds::firstboot {
namespace {

/// A form with every answer is a hundredth of it.
constexpr size_t k_longest_request = 65'536;
constexpr size_t k_most_followers = 16;
/// mds-claim is on this machine: whoever takes longer is broken, and must not stop the others.
constexpr timeval k_patience{2, 0};
constexpr int k_clock_ms = 20'000;
constexpr auto k_port_time = std::chrono::seconds(3);
/// For the last lines to reach a browser.
constexpr int k_farewell_ms = 3'000;

bool read_line(int fd, std::string& line) {
    char buffer[4096];
    for (ssize_t n = 0; line.size() <= k_longest_request && (n = read(fd, buffer, sizeof buffer)) > 0;) {
        line.append(buffer, static_cast<size_t>(n));
        if (line.back() == '\n') break;
    }
    explicit_bzero(buffer, sizeof buffer);
    return !line.empty() && line.back() == '\n' && line.size() <= k_longest_request;
}

bool send_text(int fd, const std::string& text) {
    for (size_t at = 0; at < text.size();) {
        ssize_t n = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += static_cast<size_t>(n);
    }
    return true;
}

WebFace::Around with_apply(WebFace::Around around, std::function<void(const Answers&, const HostFacts&)> apply) {
    around.apply = std::move(apply);
    return around;
}

}  // namespace

ClaimServer::ClaimServer(ClaimCode& code, WebFace::Around around, std::string folder)
    : face_(code, with_apply(around, [this](const Answers& answers, const HostFacts& host) { begin(answers, host); })),
      done_file_(around.done_file),
      folder_(std::move(folder)),
      wanted_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wanted_ < 0) throw Error(Code::internal, "no eventfd");
}

ClaimServer::~ClaimServer() {
    if (worker_.joinable()) worker_.join();
    for (int fd : followers_) close(fd);
    if (progress_ >= 0) close(progress_);
    close(wanted_);
}

void ClaimServer::run(int listen_fd) {
    while (!finished_) {
        std::vector<pollfd> all = {{listen_fd, POLLIN, 0}, {wanted_, POLLIN, 0}, {progress_, POLLIN, 0}};
        for (int fd : followers_) all.push_back({fd, POLLIN, 0});
        int ready = poll(all.data(), all.size(), k_clock_ms);
        face_.look_at_clock(mono_ms());
        if (ready <= 0) continue;
        for (size_t i = followers_.size(); i-- > 0;) {
            if (all[3 + i].revents) hear(i);
        }
        if (all[1].revents) {
            eventfd_t ignored = 0;
            eventfd_read(wanted_, &ignored);
            tell({{"port", true}});
            if (followers_.empty() && !left_answered_.exchange(true)) left_.set_value(false);
        }
        if (all[2].revents) read_progress();
        if (!all[0].revents) continue;
        int fd = accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) serve(fd);
    }
    // The page has its last lines; it ends when it has passed them on.
    for (int fd : followers_) {
        shutdown(fd, SHUT_WR);
        pollfd one{fd, POLLIN, 0};
        char byte = 0;
        while (poll(&one, 1, k_farewell_ms) > 0 && read(fd, &byte, 1) > 0) {
        }
    }
    close_claim_page(folder_);
}

void ClaimServer::serve(int fd) {
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &k_patience, sizeof k_patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &k_patience, sizeof k_patience);
    std::string line;
    crypto::WipeAtEnd wipe(line);
    bool follows = false;
    if (read_line(fd, line)) {
        json::object request;
        try {
            request = json::parse_object(line);
        } catch (const Error&) {  // answered as a request that asks nothing
        }
        json::object reply = face_.answer(request, mono_ms());
        follows = send_text(fd, json::text(reply) + "\n") && json::get_string(reply, "page") == "applying" &&
                  followers_.size() < k_most_followers;
        for (const std::string& one : told_) follows = follows && send_text(fd, one);
    }
    if (follows) {
        followers_.push_back(fd);
    } else {
        close(fd);
    }
}

void ClaimServer::hear(size_t follower) {
    char byte = 0;
    if (read(followers_[follower], &byte, 1) == 1) {
        if (!left_answered_.exchange(true)) left_.set_value(true);
        return;
    }
    close(followers_[follower]);
    followers_.erase(followers_.begin() + static_cast<long>(follower));
    if (followers_.empty() && !left_answered_.exchange(true)) left_.set_value(false);
}

void ClaimServer::tell(const json::object& line) {
    told_.push_back(json::text(line) + "\n");
    for (size_t i = followers_.size(); i-- > 0;) {
        if (send_text(followers_[i], told_.back())) continue;
        close(followers_[i]);
        followers_.erase(followers_.begin() + static_cast<long>(i));
    }
}

void ClaimServer::begin(const Answers& answers, const HostFacts& host) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw Error(Code::internal, "no pipe");
    progress_ = ends[0];
    told_.clear();
    partial_.clear();
    left_ = std::promise<bool>();
    left_answered_ = true;
    succeeded_ = false;
    if (worker_.joinable()) worker_.join();
    worker_ = std::thread([this, answers, host, end = ends[1]] {
        FILE* out = fdopen(end, "w");
        try {
            apply(out, answers, host, done_file_, [this] { return page_leaves_port(); });
            succeeded_ = true;
        } catch (const std::exception& e) {
            tell_failure(out, e);
        }
        std::fclose(out);
    });
}

bool ClaimServer::page_leaves_port() {
    left_ = std::promise<bool>();
    std::future<bool> answer = left_.get_future();
    left_answered_ = false;
    eventfd_write(wanted_, 1);
    return answer.wait_for(k_port_time) == std::future_status::ready && answer.get();
}

void ClaimServer::read_progress() {
    char buffer[4096];
    ssize_t n = read(progress_, buffer, sizeof buffer);
    if (n > 0) {
        partial_.append(buffer, static_cast<size_t>(n));
        for (size_t end = 0; (end = partial_.find('\n')) != partial_.npos;) {
            tell({{"line", partial_.substr(0, end)}});
            partial_.erase(0, end + 1);
        }
        return;
    }
    close(std::exchange(progress_, -1));
    worker_.join();
    if (succeeded_) remove_issue();
    face_.ended(succeeded_);
    tell({{"end", succeeded_ ? "done" : "failed"}});
    if (succeeded_) {
        finished_ = true;
        return;
    }
    for (int fd : followers_) close(fd);
    followers_.clear();
}

}  // namespace mds::firstboot
