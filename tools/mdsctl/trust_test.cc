// mdsctl trust test SERVER.
#include "doctor_trial.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

doctor::World look(const std::string& server) {
    try {
        return doctor::gather(server);
    } catch (const Error& e) {
        // The nearest name is offered to the doctor.
        constexpr std::string_view k_doctor = "mdsctl doctor ";
        if (e.code() != Code::object_not_found || !e.next().starts_with(k_doctor)) throw;
        throw Error(e.code(), e.message())
            .refusal("", "mdsctl trust test " + e.next().substr(k_doctor.size()));
    }
}

}  // namespace

int trust_test(Client& client, const Options& options, const std::string& server) {
    client.require_here("trust test " + shell_word(server));
    const doctor::World world = look(server);
    if (server == world.name) {
        throw Error(Code::invalid_parameter,
                    server + " is this server; its way to the others is tested")
            .refusal("", "mdsctl doctor");
    }
    const doctor::Findings findings = doctor::test_peer(world);
    if (!options.people() || options.form == Form::wide) {
        doctor::rows_of(findings).print(options);
    } else if (!options.quiet) {
        std::fputs(doctor::screen(options, world, findings).c_str(), stdout);
    }
    return doctor::all_well(findings) ? 0 : 3;
}

}  // namespace mds::ctl
