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
    /// Moves the finished file at `path` into a new generation and makes it the live one, durably
    /// (flushed file, folder, name). Returns its public.db path. Throws Error when the old one is
    /// still live; any other exception says that nobody knows which one is, until the next start.
    std::string switch_to(const std::string& path);
    /// Puts the live generation, which cannot be read, aside as "damaged-NNNNNN" and begins an empty
    /// one. Returns the folder where the damaged files are.
    std::string set_aside();
    /// The folders that set_aside() made and nobody has removed since.
    std::vector<std::string> damaged() const;

  private:
    std::string folder_;
    int number_ = 1;
};

}  // namespace mds::store
