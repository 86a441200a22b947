#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mds {

/// Every way a request can end other than well. One row of `errors.def` each: the management
/// API's code word, the HTTP status and the command line's exit code (mdsctl(1), docs/refusals.md).
enum class Code {
#define MDS_ERROR(name, word, http, exit_code) name,
#include "base/errors.def"
#undef MDS_ERROR
};

/// The API's code word, for example "generic_err_object_not_found".
std::string_view code_word(Code code);
/// The HTTP status that the management API answers with.
int http_status(Code code);
/// The exit code of the command line (mdsctl(1)).
int exit_code(Code code);
/// The code with this word; `internal` when there is none.
Code code_from_word(std::string_view word);

/// A request that was not carried out. Nothing has changed when one of these is thrown.
/// A refusal of the catalogue also carries its id ("RF-21") and what to do instead.
/// Thrown anywhere below a request, caught at exactly one frame per face (bus, HTTP, task, main).
class Error : public std::runtime_error {
  public:
    Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// Marks this error as refusal `id` with the command or act that helps instead.
    Error&& refusal(std::string id, std::string next) && {
        refusal_ = std::move(id);
        next_ = std::move(next);
        return std::move(*this);
    }
    /// Adds one line to the list `errors` of the answer (validation).
    Error&& with_error(std::string line) && {
        errors_.push_back(std::move(line));
        return std::move(*this);
    }
    /// Adds one line to the list `warnings` of the answer (validation).
    Error&& with_warning(std::string line) && {
        warnings_.push_back(std::move(line));
        return std::move(*this);
    }
    void add_error(std::string line) { errors_.push_back(std::move(line)); }
    void add_warning(std::string line) { warnings_.push_back(std::move(line)); }

    Code code() const { return code_; }
    std::string message() const { return what(); }
    /// Refusal id of the catalogue, empty for ordinary errors.
    const std::string& refusal_id() const { return refusal_; }
    /// What to do instead, empty when nothing is known.
    const std::string& next() const { return next_; }
    const std::vector<std::string>& errors() const { return errors_; }
    const std::vector<std::string>& warnings() const { return warnings_; }

  private:
    Code code_;
    std::string refusal_, next_;
    std::vector<std::string> errors_, warnings_;
};

}  // namespace mds
