#pragma once
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "app/lone.hh"
#include "base/rate.hh"
#include "http/server.hh"
#include "json/json.hh"

namespace mds::claim {

/// Browsers on the one hand, the root side on the other; README.md.
class Service {
  public:
    using Then = std::function<void(http::Response)>;
    explicit Service(app::Lone& daemon);

  private:
    struct Asked;
    void answer(http::Request request, Then then);
    /// Why a form is not taken; empty: it is.
    static std::string refuse_form(const http::Request& request);
    void ask(json::object question, Then then);
    void first_line(Asked& asked, const json::object& reply);
    void more_lines(Asked& asked, const json::object& line);
    void end(Asked& asked);

    app::Lone& daemon_;
    std::string socket_;
    Rate rate_;
    std::unique_ptr<http::Server> server_;
    boost::asio::steady_timer farewell_;
    bool port_given_up_ = false;
};

}  // namespace mds::claim
