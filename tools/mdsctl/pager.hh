#pragma once
#include "client.hh"

namespace mds::ctl {

/// While it lives, standard output is kept; then it is shown, page by page when it is more than one screen (C-4).
/// Does nothing unless `paged`, the options allow it, and both standard output and standard input are terminals.
class Pager {
  public:
    Pager(const Options& options, bool paged);
    ~Pager();
    Pager(const Pager&) = delete;
    Pager& operator=(const Pager&) = delete;

  private:
    /// The terminal, and what was written meanwhile; -1 when nothing is kept.
    int screen_ = -1, kept_ = -1;
};

}  // namespace mds::ctl
