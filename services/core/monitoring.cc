// What monitoring asks: the metrics, over the socket of the service manager and as show-metrics.
#include <filesystem>

#include "app/socket.hh"
#include "base/clock.hh"
#include "base/text.hh"
#include "bus/property.hh"
#include "log/log.hh"
#include "metrics_socket.hh"
#include "mgmt/work_db.hh"
#include "service.hh"

namespace mds::core {
namespace {

namespace fs = std::filesystem;

/// Who asks more often gets the same again: making them takes the loop some milliseconds.
constexpr int64_t k_fresh_ms = 1000;
constexpr int k_measure_ms = 60'000;

/// Of all files below; what goes away meanwhile counts nothing.
int64_t bytes_below(const fs::path& folder) {
    int64_t sum = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        std::error_code gone;
        if (it->is_regular_file(gone)) sum += static_cast<int64_t>(it->file_size(gone));
    }
    return sum;
}

/// Worker: the files of one management server (docs/architecture.md, data).
void measure(const std::string& folder, DatabaseSize& size) {
    std::string live;
    try {
        live = trim(read_file(folder + "/current"));
    } catch (const std::exception&) {
        return;  // it has not started yet
    }
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        std::string name = it->path().filename();
        std::error_code gone;
        if (name == live) {
            size.content += bytes_below(it->path());
        } else if (name.starts_with("damaged-") || name.starts_with("replaced-")) {
            size.kept += bytes_below(it->path());
        } else if (name.starts_with("work.db") && it->is_regular_file(gone)) {
            size.work += static_cast<int64_t>(it->file_size(gone));
        }
    }
}

}  // namespace

void Service::begin_monitoring() {
    if (int fd = app::passed_socket("metrics"); fd >= 0) {
        metrics_socket_ = std::make_unique<MetricsSocket>(daemon_.io(), fd, [this] { return metrics(); });
    }
    daemon_.every(k_measure_ms, [this] { measure_databases(); });
}

void Service::measure_databases() {
    if (!system_ || measuring_) return;
    std::vector<std::pair<DatabaseSize, std::string>> all;
    all.push_back({{"System Data", identity_->name, 0, 0, 0}, daemon_.state_folder()});
    for (const DomainRow& domain : all_domains()) {
        for (const json::value& v : domain.servers) {
            const json::object& s = v.as_object();
            if (json::get_string(s, "mds") != identity_->uid.text()) continue;
            all.push_back({{domain.name, json::get_string(s, "name"), 0, 0, 0},
                           root() + "/domains/" + domain.uid.text()});
        }
    }
    measuring_ = true;
    daemon_.work([this, all = std::move(all)]() mutable {
        std::vector<DatabaseSize> sizes;
        for (auto& [size, folder] : all) {
            measure(folder, size);
            sizes.push_back(std::move(size));
        }
        daemon_.post([this, sizes = std::move(sizes)]() mutable {
            database_sizes_ = std::move(sizes);
            measuring_ = false;
        });
    });
}

void Service::ask_traffic() {
    auto ask = [this](const char* name, int64_t& into) {
        bus::get_property<uint64_t>(*sync_, "org.openmds.Sync1", name, [&into](const uint64_t* value) {
            if (value) into = static_cast<int64_t>(*value);
        });
    };
    ask("BytesSent", sync_sent_);
    ask("BytesReceived", sync_received_);
}

std::string Service::metrics() {
    system();
    if (!metrics_text_.empty() && mono_ms() - metrics_at_ < k_fresh_ms) return metrics_text_;
    MetricsInput input;
    input.version = mds::version();
    input.system = system_->status();
    for (const char* status :
         {"in progress", "succeeded", "succeeded with warnings", "partially succeeded", "failed"}) {
        input.tasks[status] = 0;
    }
    auto count = system_->workspace().work().sql("SELECT status,count(*) FROM task GROUP BY status");
    while (count.executeStep()) input.tasks[count.getColumn(0).getString()] = count.getColumn(1).getInt64();
    input.audit_verified = audit_verified_;
    input.databases = database_sizes_;
    input.sync_sent = sync_sent_;
    input.sync_received = sync_received_;
    const json::object status = grid_->json();
    input.now_ms = wall_ms();
    metrics_text_ = render_metrics(status, input);
    metrics_at_ = mono_ms();
    return metrics_text_;
}

void Service::register_metrics_commands() {
    mgmt::CommandFlags read;
    read.system_only = true;
    read.description = "The metrics of this server in the text format of Prometheus";
    system_->workspace().add_command("show-metrics", [this](mgmt::Call& call) {
        call.only({});
        return json::object{{"content-type", "text/plain; version=0.0.4"}, {"metrics", metrics()}};
    }, read);
    measure_databases();
}

}  // namespace mds::core
