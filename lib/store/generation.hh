#pragma once
#include <string>
#include <vector>

namespace mds::store {

/// The folder of one database with its generations (replication.md 2): `current` names the live
/// one. A full copy becomes a new generation folder, so that no leftover journal of the old file
/// can ever be replayed into the new one.
class Generations {
  public:
    /// Makes `folder` and its first generation when they are not there; removes generations that
    /// are not live, and unfinished files in incoming/ and outgoing/.
    explicit Generations(std::string folder);

    /// Path of the live public.db.
    std::string live() const;
    /// Moves the finished file at `path` into a new generation, durably, and does everything for it
    /// to become the live one that needs space. Returns its public.db path. Throws Error.
    std::string prepare(const std::string& path);
    /// Makes what was prepared the live generation. Throws Error when the old one is still live; any
    /// other exception says that nobody knows which one is, until the next start.
    void commit();
    /// Takes away what was prepared and not made live, and the wish of keep().
    void forget();
    /// What is live now is not deleted when another generation takes its place: it holds what is nowhere
    /// else. Throws when the disk does not take this.
    void keep();
    /// After commit(), when nobody has the old files open any more: the folder where what was kept is now
    /// ("replaced-NNNNNN"), empty when nothing was to be kept.
    std::string retire();
    /// The folders that keep() saved and nobody has removed since.
    std::vector<std::string> replaced() const;
    /// Puts the live generation, which cannot be read, aside as "damaged-NNNNNN" and begins an empty
    /// one. Returns the folder where the damaged files are.
    std::string set_aside();
    /// The folders that set_aside() made and nobody has removed since.
    std::vector<std::string> damaged() const;

  private:
    std::vector<std::string> folders(const char* prefix) const;

    std::string folder_;
    int number_ = 1;
};

/// Flushes the file at `path` to the disk; throws Error(internal).
void flush_file(const std::string& path);

}  // namespace mds::store
