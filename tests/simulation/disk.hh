#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simulation/random.hh"

namespace mds::simulation {

/// The disk of one simulated server: real files in a folder of a memory file system, whose system
/// calls (SQLite's too) go through here while the server runs. What was written and not flushed is
/// remembered, so that a power cut can take it back; any call can be the last one before death, or
/// fail.
class Disk {
  public:
    Disk(std::string root, Random& random);
    ~Disk();
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    const std::string& root() const { return root_; }

    /// The server dies at the `calls`-th system call from now on that changes a file.
    void die_after(int64_t calls) { calls_left_ = calls; }
    void cancel_death() { calls_left_ = -1; }
    bool will_die() const { return calls_left_ >= 0; }
    /// Dead: nothing more is written, whatever the program still does.
    bool dead() const { return dead_; }
    void kill() { dead_ = true; }
    /// No space left: files do not grow.
    bool full = false;
    /// So many of a million system calls fail with an input/output error.
    uint64_t failing = 0;
    /// How many calls were refused because of the two above.
    uint64_t refused = 0;

    /// The process is started again: what it had written is there.
    void restart();
    /// As restart(), but after a power cut: of what was not flushed some is there, some not.
    void restart_after_power_cut();

    void save(const std::string& folder) const;
    /// Everything as it was at save().
    void restore(const std::string& folder);

    // What the system calls below do (disk.cc).
    ssize_t write(int fd, const void* data, size_t size, int64_t at);
    int flush(int fd);
    int truncate(int fd, int64_t size);
    int open(const char* path, int flags, unsigned mode);
    int rename(const char* from, const char* to);
    /// Whether a call that deletes something may go on.
    bool may_change();
    bool mine(const char* path) const;

    /// Whose system calls those of this thread are; nothing: of the tests themselves.
    static Disk* current;

  private:
    struct Write {
        int64_t at = 0, size_before = 0;
        std::string before, after;
        bool cut = false;  ///< truncation to `at`
    };
    struct File {
        int fd = -1;  ///< of our own, to take writes back
        std::vector<Write> writes;
    };
    struct Naming {
        std::string path, from, saved;  ///< from empty: created
    };
    File* unflushed(int fd);
    void forget();
    void all_durable();
    void take_back(File& file);

    std::string root_;
    Random& random_;
    int64_t calls_left_ = -1;
    bool dead_ = false;
    std::map<ino_t, File> files_;
    std::vector<Naming> namings_;
    int saved_count_ = 0;
};

/// The clocks and the randomness that the program under test sees, in place of the machine's.
struct Machine {
    static bool simulated;
    static int64_t mono_ms, wall_ms;
    static Random* random;
    /// The real monotonic clock, in ms.
    static int64_t real_ms();
};

}  // namespace mds::simulation
