#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace mds::log {

/// Journal priorities in use; the journal's numbers.
enum class Priority { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// One structured field, for example {"MDS_DOMAIN", "London"}. Names are upper case with
/// underscores and begin with MDS_ (design.md 4).
using Field = std::pair<std::string_view, std::string_view>;

/// A kind of entry that the message catalog explains (log/messages.def).
struct Message {
    /// 32 hexadecimal digits, the journal's MESSAGE_ID.
    std::string_view id;
    Priority priority;
};

/// Writes one entry to the journal with its fields; to standard error when it is a terminal or no
/// journal listens (a service run by hand). Never give it a secret.
void write(Priority priority, const std::string& message, std::initializer_list<Field> fields = {});
/// As write(), with the id and the priority of its kind.
void event(const Message& kind, const std::string& message, std::initializer_list<Field> fields = {});

inline void error(const std::string& m, std::initializer_list<Field> f = {}) {
    write(Priority::error, m, f);
}
inline void warning(const std::string& m, std::initializer_list<Field> f = {}) {
    write(Priority::warning, m, f);
}
inline void notice(const std::string& m, std::initializer_list<Field> f = {}) {
    write(Priority::notice, m, f);
}
inline void info(const std::string& m, std::initializer_list<Field> f = {}) {
    write(Priority::info, m, f);
}
void debug(const std::string& m, std::initializer_list<Field> f = {});
/// Lets debug() write; off by default.
void set_debug(bool on);

}  // namespace mds::log
