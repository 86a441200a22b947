// mdsctl watch: the status screen, drawn again when the bus tells of a change.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.hh"
#include "interrupt.hh"
#include "rows.hh"
#include "status.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// At most twice a second; and the times since something happened grow without a signal.
constexpr int64_t k_shortest_ms = 500, k_longest_ms = 5000;

/// The terminal while the screen is ours.
class Screen {
  public:
    explicit Screen(bool live) : live_(live), typing_(live && isatty(STDIN_FILENO)) {
        if (typing_) hide_typing(true);
        if (live_) enter_screen();
    }
    ~Screen() {
        leave_screen();
        if (typing_) show_typing();
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    bool typing() const { return typing_; }

    /// Draws over what is there, without a flash; lines beyond the screen are left out.
    static void draw(const std::string& text, int rows) {
        std::string out = "\033[H";
        int left = rows - 1;
        for (size_t at = 0; at < text.size() && left > 0; --left) {
            size_t end = text.find('\n', at);
            out += text.substr(at, end - at) + "\033[K\r\n";
            at = end + 1;
        }
        out += "\033[J  q quits";
        std::fwrite(out.data(), 1, out.size(), stdout);
        std::fflush(stdout);
    }

  private:
    bool live_, typing_;
};

/// The deployment in one line, without what changes all the time: who is away, what is not well.
std::string one_line(const json::object& grid) {
    size_t running = 0, good = 0;
    const json::array& servers = json::get_array(grid, "servers");
    const json::array& domains = json::get_array(grid, "domains");
    for (const json::value& v : servers) running += json::get_string(v.as_object(), "state") == "running";
    for (const json::value& v : domains) {
        std::string sync = json::get_string(v.as_object(), "sync");
        good += sync == "synchronized" || sync == "single";
    }
    std::string out = std::to_string(running) + " of " + std::to_string(servers.size()) + " servers run, " +
                      std::to_string(good) + " of " + std::to_string(domains.size()) + " Domains synchronized, " +
                      std::to_string(json::get_int(json::get_object(grid, "tasks"), "running")) + " tasks";
    for (const json::value& v : json::get_array(grid, "problems")) {
        out += "; " + safe(json::get_string(v.as_object(), "what"));
    }
    return out;
}

/// What is the same as long as nothing has happened: times of contact and of the network grow by themselves.
json::object without_times(json::object grid) {
    for (const char* list : {"servers", "problems", "notes"}) {
        if (!grid.contains(list) || !grid[list].is_array()) continue;
        for (json::value& v : grid[list].get_array()) {
            for (const char* field : {"last-contact", "round-trip-us"}) v.as_object().erase(field);
        }
    }
    return grid;
}

class Watch {
  public:
    Watch(Client& client, const Options& options)
        : client_(client), options_(options),
          live_(options.terminal && options.moves && options.form == Form::table), screen_(live_) {}

    int run() {
        int changes = client_.watch();
        int64_t begun = mono_ms(), next = 0;
        bool stale = true;
        for (;;) {
            int64_t now = mono_ms();
            if (options_.timeout_s && now - begun >= options_.timeout_s * 1000) return code_;
            if (stale && now >= next) {
                show();
                stale = false;
                next = now + k_shortest_ms;
            }
            int64_t wait = stale ? next - now : next - now + k_longest_ms - k_shortest_ms;
            if (options_.timeout_s) wait = std::min(wait, options_.timeout_s * 1000 - (now - begun));
            pollfd fds[] = {{changes, POLLIN, 0}, {screen_.typing() ? STDIN_FILENO : -1, POLLIN, 0}};
            int ready = poll(fds, std::size(fds), static_cast<int>(std::max<int64_t>(wait, 0)));
            if (fds[1].revents && quits(fds[1].revents)) return code_;
            // Without news either: what is a time ago is longer ago, and a core that was away may be back.
            if (ready == 0) stale = true;
            if (fds[0].revents) {
                client_.watched();
                stale = true;
            }
        }
    }

  private:
    static bool quits(short events) {
        char key = 0;
        if (!(events & POLLIN) || read(STDIN_FILENO, &key, 1) != 1) return true;
        return key == 'q' || key == 'Q';
    }

    void show() {
        std::string text, line;
        json::object grid;
        try {
            grid = client_.grid();
            code_ = all_well(grid) ? 0 : 3;
            text = live_ ? status_screen(sized(), grid) : "";
            line = one_line(grid);
        } catch (const Error& e) {
            // Watching goes on: a service that restarts is what somebody watches for.
            code_ = exit_code(e.code());
            line = safe(e.message());
            text = symbol(options_, "problem") + " " + line + "\n";
        }
        if (live_) {
            screen_.draw(text, rows_);
        } else if (options_.json) {
            std::string told = json::text(without_times(grid));
            if (told == last_ || grid.empty()) return;
            last_ = told;
            Options compact = options_;
            compact.form = Form::jsonl;
            print_json(compact, grid);
        } else if (line != last_) {
            last_ = line;
            std::printf("%s  %s\n", rfc3339(wall_ms()).c_str(), line.c_str());
        }
        std::fflush(stdout);
    }

    /// The terminal may have another size by now.
    Options sized() {
        Options now = options_;
        winsize size{};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
            now.width = size.ws_col;
            rows_ = size.ws_row;
        }
        return now;
    }

    Client& client_;
    Options options_;
    bool live_;
    Screen screen_;
    std::string last_;
    int rows_ = 24, code_ = 0;
};

}  // namespace

int watch(Client& client, const Options& options) { return Watch(client, options).run(); }

}  // namespace mds::ctl
