#pragma once
#include <memory>
#include <string>

#include "app/lone.hh"
#include "http/server.hh"
#include "pki/crl_folder.hh"
#include "base/rate.hh"

namespace mds::crl {

/// Serves the lists of one folder: GET and HEAD of /AUTHORITY/PART.crl, nothing else (K-17).
class Service {
  public:
    explicit Service(app::Lone& daemon);
    http::Response answer(const http::Request& request);

  private:
    http::Response list(const std::string& name, const http::Request& request);

    pki::CrlFolder folder_;
    Rate rate_;
    std::unique_ptr<http::Server> server_;
    /// The last list that could not be served, told once.
    std::string told_;
};

}  // namespace mds::crl
