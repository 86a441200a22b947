// simulate: runs seeds until the time is over or one breaks a rule. See `simulate --help`.
#include <fmt/core.h>
#include <getopt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "simulation/world.hh"
#include "store/codec.hh"

namespace {

using namespace mds::simulation;
namespace store = mds::store;

constexpr const char k_help[] =
    "Usage: simulate [options] [SEED...]\n\n"
    "Runs servers of one Domain in simulated time: the real databases and replicas, a simulated\n"
    "network, clocks, disks that die, operators and administrators. One seed gives one run.\n\n"
    "  --seconds N     fresh seeds for so long (default 10, without any SEED)\n"
    "  --seed S        this seed; the first one with --seconds\n"
    "  --steps N       the faults end after so many steps\n"
    "  --shrink        finds the fewest steps at which the seed still fails\n"
    "  --trace         prints what happens\n"
    "  --twice         runs each seed twice and compares the two\n"
    "  --keep-going    counts the violations instead of ending at the first\n";

/// One run in a process of its own: nothing of an earlier run can be in it, and one that crashes is
/// a failed seed.
Outcome run(const RunOptions& options, std::vector<std::string>* lines = nullptr) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        Outcome outcome;
        store::Writer out;
        {
            RunOptions mine = options;
            mine.folder += "-" + std::to_string(getpid());
            World world(mine);
            outcome = world.run();
            out.u64(outcome.steps).u64(outcome.publishes).u64(outcome.faults).u64(outcome.acts);
            out.u64(outcome.parked).u64(static_cast<uint64_t>(outcome.virtual_ms));
            out.u64(outcome.trace_hash).u64(static_cast<uint64_t>(outcome.number));
            out.text(outcome.violation).u32(static_cast<uint32_t>(world.lines().size()));
            for (const std::string& line : world.lines()) out.text(line);
        }
        std::string bytes = out.take();
        for (size_t at = 0; at < bytes.size();) {
            ssize_t n = ::write(ends[1], bytes.data() + at, bytes.size() - at);
            if (n <= 0) break;
            at += static_cast<size_t>(n);
        }
        _exit(0);
    }
    close(ends[1]);
    std::string bytes;
    char block[65536];
    for (ssize_t n; (n = read(ends[0], block, sizeof block)) > 0;) {
        bytes.append(block, static_cast<size_t>(n));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    Outcome outcome;
    if (status != 0) {
        outcome.violation = fmt::format("the run crashed (wait status {})", status);
        outcome.number = 0;
        std::error_code ignored;
        std::filesystem::remove_all(options.folder + "-" + std::to_string(child), ignored);
        return outcome;
    }
    store::Reader in(bytes);
    outcome.steps = in.u64(), outcome.publishes = in.u64();
    outcome.faults = in.u64(), outcome.acts = in.u64(), outcome.parked = in.u64();
    outcome.virtual_ms = static_cast<int64_t>(in.u64());
    outcome.trace_hash = in.u64();
    outcome.number = static_cast<int>(in.u64());
    outcome.violation = in.text();
    for (uint32_t count = in.u32(); count > 0; --count) {
        std::string line(in.text());
        if (lines) lines->push_back(std::move(line));
    }
    return outcome;
}

void print_failure(RunOptions options, const Outcome& outcome, bool whole) {
    std::printf("\nSEED %lu: %s\n  at step %lu, %.3f s\n", options.seed, outcome.violation.c_str(),
                outcome.steps, static_cast<double>(outcome.virtual_ms) / 1000);
    std::vector<std::string> lines;
    options.trace = true;
    Outcome again = run(options, &lines);
    if (again.violation != outcome.violation || again.trace_hash != outcome.trace_hash) {
        std::printf("  and it does not replay: %s\n", again.violation.c_str());
    }
    size_t from = whole || lines.size() < 60 ? 0 : lines.size() - 60;
    for (size_t i = from; i < lines.size(); ++i) std::printf("  %s\n", lines[i].c_str());
    std::printf("  replay: ./dev simulate --seed %lu --trace\n", options.seed);
}

}  // namespace

int main(int argc, char** argv) {
    static const option k_options[] = {{"help", no_argument, nullptr, 'h'},
                                       {"seconds", required_argument, nullptr, 'n'},
                                       {"seed", required_argument, nullptr, 's'},
                                       {"steps", required_argument, nullptr, 'm'},
                                       {"shrink", no_argument, nullptr, 'k'},
                                       {"trace", no_argument, nullptr, 't'},
                                       {"twice", no_argument, nullptr, '2'},
                                       {"keep-going", no_argument, nullptr, 'g'},
                                       {nullptr, 0, nullptr, 0}};
    RunOptions options;
    options.folder = fmt::format("/dev/shm/mds-simulate-{}", getpid());
    std::vector<uint64_t> seeds;
    int64_t seconds = -1;
    bool shrink = false, trace = false, twice = false, keep_going = false;
    for (int c; (c = getopt_long(argc, argv, "h", k_options, nullptr)) != -1;) {
        switch (c) {
            case 'h':
                std::fputs(k_help, stdout);
                return 0;
            case 'n':
                seconds = std::atoll(optarg);
                break;
            case 's':
                seeds.push_back(std::strtoull(optarg, nullptr, 10));
                break;
            case 'm':
                options.steps = std::strtoull(optarg, nullptr, 10);
                break;
            case 'k':
                shrink = true;
                break;
            case 't':
                trace = true;
                break;
            case '2':
                twice = true;
                break;
            case 'g':
                keep_going = true;
                break;
            default:
                return 2;
        }
    }
    for (int i = optind; i < argc; ++i) seeds.push_back(std::strtoull(argv[i], nullptr, 10));
    if (seeds.empty() && seconds < 0) seconds = 10;
    uint64_t next = seeds.empty() ? static_cast<uint64_t>(Machine::real_ms()) * 1000 +
                                        static_cast<uint64_t>(getpid()) % 1000
                                  : seeds.back() + 1;
    int64_t begin = Machine::real_ms();
    uint64_t runs = 0, failed = 0;
    Outcome sum;
    std::map<std::string, std::vector<uint64_t>> kinds;
    for (size_t i = 0;; ++i) {
        if (i < seeds.size()) {
            options.seed = seeds[i];
        } else if (Machine::real_ms() - begin < seconds * 1000) {
            options.seed = next++;
        } else {
            break;
        }
        Outcome outcome = run(options);
        ++runs;
        sum.steps += outcome.steps;
        sum.virtual_ms += outcome.virtual_ms;
        sum.publishes += outcome.publishes;
        sum.faults += outcome.faults;
        sum.acts += outcome.acts;
        sum.parked += outcome.parked;
        if (twice && outcome.violation.empty()) {
            Outcome again = run(options);
            if (again.trace_hash != outcome.trace_hash || again.steps != outcome.steps) {
                outcome.violation = "two runs of the seed differ";
            }
        }
        if (outcome.violation.empty()) {
            if (trace) {
                std::vector<std::string> lines;
                options.trace = true;
                run(options, &lines);
                for (const auto& text : lines) std::printf("  %s\n", text.c_str());
            }
            continue;
        }
        ++failed;
        if (keep_going) {
            kinds[outcome.violation.substr(0, 60)].push_back(options.seed);
            continue;
        }
        if (shrink) {
            uint64_t low = 1, high = outcome.steps;
            while (low < high) {
                options.steps = (low + high) / 2;
                Outcome less = run(options);
                if (less.number == outcome.number) {
                    high = options.steps;
                } else {
                    low = options.steps + 1;
                }
            }
            options.steps = low;
            Outcome less = run(options);
            if (less.number == outcome.number) {
                outcome = less;
                std::printf("fails with --steps %lu too\n", low);
            } else {
                options.steps = 0;
            }
        }
        print_failure(options, outcome, trace);
        break;
    }
    for (const auto& [kind, which] : kinds) {
        std::printf("%5zu  %s:", which.size(), kind.c_str());
        for (size_t i = 0; i < which.size() && i < 5; ++i) std::printf(" %lu", which[i]);
        std::printf("\n");
    }
    double took = static_cast<double>(Machine::real_ms() - begin) / 1000;
    std::printf(
        "%lu runs, %lu steps, %.1f virtual hours, %lu publishes, %lu faults, %lu acts of "
        "operators, %lu parked; %.1f s (%.1f runs/s); seeds from %lu; %lu violations\n",
        runs, sum.steps, static_cast<double>(sum.virtual_ms) / 3'600'000, sum.publishes, sum.faults,
        sum.acts, sum.parked, took, static_cast<double>(runs) / took,
        seeds.empty() ? next - runs : seeds.front(), failed);
    return failed ? 1 : 0;
}
