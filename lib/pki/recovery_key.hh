#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.hh"
#include "pki/key.hh"

namespace mds::pki {

/// The offline recovery key (K-26): sixteen words on paper from which a private key follows. What is
/// sealed for its certificate can be opened with the words alone, when every server is lost.
///
/// A word is one of 256: fifteen are 120 random bits, the sixteenth checks the others.
class RecoveryKey {
  public:
    static constexpr size_t k_words = 16;

    static RecoveryKey make();
    /// From words as people type them: any case, separated by anything that is no letter. Throws
    /// mds::Error(invalid_parameter) naming the word that is none, or that the words do not fit together.
    static RecoveryKey from_words(std::string_view text);

    const std::vector<std::string>& words() const { return words_; }
    Key key() const;
    /// The recipient to seal for; the same key gives another certificate each time, with the same
    /// public key.
    Certificate certificate() const;

  private:
    explicit RecoveryKey(std::string secret);
    std::string secret_;
    std::vector<std::string> words_;
};

}  // namespace mds::pki
