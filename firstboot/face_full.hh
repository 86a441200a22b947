#pragma once
#include <functional>
#include <string>

#include "dialog.hh"
#include "turn.hh"

namespace mds::firstboot {

/// Whether this terminal can show the full-screen face: standard input and output are one that has
/// cursor control and at least 80 x 24 characters, and it is not a serial line, where the plain
/// face is better.
bool full_screen_possible();

/// The questions as screens with Back, Next and Help, drawn by libnewt as in the Debian installer.
class FullFace {
  public:
    using End = Dialog::End;
    /// Writes the answers to a file; returns what to tell.
    using Keep = std::function<std::string(const std::string& file)>;

    /// `turn`: whoever answers first takes it; null: nobody else can.
    explicit FullFace(Keep keep = {}, Turn* turn = nullptr);
    /// Asks, shows the summary; gives the terminal back before it returns.
    End run(Dialog& dialog);

  private:
    Keep keep_;
    Turn* turn_;
};

}  // namespace mds::firstboot
