#include "answers.hh"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <random>

#include "base/join_string.hh"
#include "base/text.hh"

using namespace mds::firstboot;

namespace {

HostFacts london() {
    return {"london-mds-01.acme.example", {{"10.1.0.11", "lo"}, {"10.9.0.11", "lo"}}};
}

std::string all(const Answers& answers) {
    std::string text;
    for (const Problem& one : answers.problems()) {
        text += one.refusal + "|" + one.where + "|" + one.text + "\n";
    }
    return text;
}

struct Files : testing::Test {
    Files() {
        char name[] = "/tmp/mds-setup-XXXXXX";
        folder = mkdtemp(name);
    }
    ~Files() override { (void)!system(("rm -r " + folder).c_str()); }
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
        std::string path = folder + "/" + name;
        mds::replace_file(path, text, mode);
        chmod(path.c_str(), mode);
        return path;
    }
    std::string folder;
};

const char* k_hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";

}  // namespace

TEST_F(Files, APrimaryIsComplete) {
    Answers answers;
    answers.read_ini("a",
                     "# comment\n[Server]\nRole=primary\nHostName=london-mds-01.acme.example\n"
                     "Address=10.1.0.11/24\n[Deployment]\nName=acme-msp\n[Administrator]\n"
                     "Name=anna\nPasswordHash=" + std::string(k_hash) + "\n[Access]\n"
                     "GuiClients=10.1.0.0/24\n", true);
    answers.resolve(london(), false);
    EXPECT_EQ(all(answers), "");
    EXPECT_EQ(answers.get("address"), "10.1.0.11");
    EXPECT_EQ(answers.get("interface"), "lo");
    EXPECT_EQ(answers.get("gui_clients"), "10.1.0.0/24");
}

TEST_F(Files, ASecondaryIsComplete) {
    Answers answers;
    answers.read_ini("a", "[Server]\nRole=secondary\n[Trust]\nActivationKeyFile=" +
                              write("key", "orange-boat-77\n") + "\n", true);
    answers.resolve(london(), false);
    EXPECT_EQ(all(answers), "");
    EXPECT_EQ(answers.get("activation_key"), "orange-boat-77");
    EXPECT_EQ(answers.get("host_name"), "london-mds-01.acme.example");
}

TEST(Setup, PS_4_NotExactlyOneRoleIsRefused) {
    for (const char* text : {"", "[Server]\nRole=\n", "[Server]\nRole=primary secondary\n",
                             "[Server]\nRole=primary,log-server\n", "[Server]\nRole=boss\n"}) {
        Answers answers;
        answers.read_ini("a", text, true);
        answers.resolve(london(), false);
        EXPECT_NE(all(answers).find("RF-03"), std::string::npos) << text;
    }
    Answers classic;
    classic.read_classic("c", "install_mds_primary=true&install_mds_secondary=true", false);
    classic.resolve(london(), false);
    EXPECT_NE(all(classic).find("RF-03|Server.Role|exactly one role is needed: primary, secondary or log-server; "
                                "given: primary, secondary"),
              std::string::npos)
        << all(classic);
}

TEST(Setup, PS_5_NoActivationKeyIsRefused) {
    for (const char* role : {"secondary", "log-server"}) {
        Answers answers;
        answers.set(std::string("Server.Role=") + role, "--set");
        answers.resolve(london(), false);
        EXPECT_NE(all(answers).find("RF-04"), std::string::npos) << all(answers);
    }
}

TEST_F(Files, EverythingThatIsWrongIsSaidAtOnce) {
    Answers answers;
    answers.read_ini("f",
                     "[Server]\nRole=primary\nHostNam=x\nAddress=10.77.0.1\nGateway=10.0.0.1\n"
                     "nonsense\n[Deployment]\nNaem=x\n[Access]\nGuiClients=10.0.0.9-10.0.0.1\n"
                     "[Administrator]\nPassword=secret-secret\n", true);
    answers.resolve(london(), false);
    std::string text = all(answers);
    for (const char* part :
         {"|f line 3|unknown key Server.HostNam, did you mean Server.HostName?",
          "|f line 4|10.77.0.1 is not an address of this host; it has 10.1.0.11, 10.9.0.11",
          "|f line 5|Server.Gateway is not set by this program",
          "|f line 6|not a section, a key or a comment",
          "|f line 8|unknown key Deployment.Naem, did you mean Deployment.Name?",
          "|f line 10|\"10.0.0.9-10.0.0.1\" is not", "|f line 12|Administrator.Password: secrets",
          "|Administrator|the password is missing"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
    EXPECT_EQ(answers.problems().size(), 8u);
}

TEST_F(Files, TheStrongestSourceWins) {
    std::string etc = folder + "/etc";
    mkdir(etc.c_str(), 0755);
    mkdir((etc + "/setup.conf.d").c_str(), 0755);
    write("etc/setup.conf", "[Server]\nRole=secondary\nHostName=d\nAddress=10.1.0.1\nInterface=e0\n");
    write("etc/setup.conf.d/10.conf", "[Server]\nHostName=c\nAddress=10.1.0.2\n");
    write("etc/setup.conf.d/20.conf", "[Server]\nHostName=cc\n");
    std::string credentials = folder + "/cred";
    mkdir(credentials.c_str(), 0700);
    write("cred/mds.setup.host-name", "b\n");
    write("cred/mds.setup.activation-key", "orange-boat-77\n");
    Answers answers;
    answers.set("Server.HostName=a", "--set");
    answers.read_credentials(credentials);
    answers.read_kernel("quiet mds.setup.host-name=k mds.setup.interface=e9 splash");
    answers.read_etc(etc);
    EXPECT_EQ(answers.get("host_name"), "a");
    EXPECT_EQ(answers.get("address"), "10.1.0.2");
    EXPECT_EQ(answers.get("interface"), "e9");
    EXPECT_EQ(answers.get("role"), "secondary");
    EXPECT_EQ(answers.get("activation_key"), "orange-boat-77");
    EXPECT_EQ(answers.values().at("address").source, etc + "/setup.conf.d/10.conf line 3");
    EXPECT_EQ(all(answers), "");
}

TEST_F(Files, SecretsThatOthersCanReadAreRefused) {
    Answers answers;
    answers.set("activation-key=orange-boat-77", "--set");
    answers.read_kernel("mds.setup.activation-key=orange-boat-77");
    answers.read_ini_file(write("open.conf", "[Administrator]\nPasswordHash=" + std::string(k_hash),
                                0644));
    answers.read_classic("--config-string", "ftw_sic_key=orange-boat-77", false);
    answers.read_classic_file(write("classic", "ftw_sic_key=orange-boat-77\n", 0644));
    EXPECT_EQ(answers.problems().size(), 5u) << all(answers);

    Answers file;
    file.set("Server.Role=secondary", "--set");
    file.set("Trust.ActivationKeyFile=" + write("key", "orange-boat-77", 0644), "--set");
    file.resolve(london(), false);
    EXPECT_NE(all(file).find("can be read by others"), std::string::npos) << all(file);
    EXPECT_EQ(file.get("activation_key"), "");
}

TEST(Setup, ReadsClassicKeys) {
    Answers answers;
    answers.read_classic("c",
                         "install_mds_secondary=true\ninstall_mds_primary=false\nhostname=tokyo\n"
                         "domainname=acme.example\nipaddr_v4=10.1.0.11\niface=\"lo\"\n"
                         "ftw_sic_key=\"orange-boat-77\"\ntimezone='Asia / Tokyo'\n"
                         "ntp_primary=ntp1.acme.example\nntp_primary_version=4\nntp_secondary=10.1.0.2\n"
                         "install_security_managment=false\n", true);
    answers.resolve(london(), false);
    EXPECT_EQ(all(answers), "");
    EXPECT_EQ(answers.get("role"), "secondary");
    EXPECT_EQ(answers.get("host_name"), "tokyo.acme.example");
    EXPECT_EQ(answers.get("activation_key"), "orange-boat-77");
    EXPECT_EQ(answers.get("time_zone"), "Asia/Tokyo");
    EXPECT_EQ(answers.get("time_servers"), "ntp1.acme.example 10.1.0.2");
    ASSERT_EQ(answers.notes().size(), 1u);
    EXPECT_NE(answers.notes()[0].find("ntp_primary_version is not used"), std::string::npos);

    Answers primary;
    primary.read_classic("c",
                         "install_mds_primary=true&mgmt_admin_radio=new&mgmt_admin_name=anna&"
                         "mgmt_admin_passwd=orange-boat-77&mgmt_gui_clients_radio=network&"
                         "mgmt_gui_clients_ip_field=10.1.0.0&mgmt_gui_clients_subnet_field=24&"
                         "instal_mlm=true", true);
    primary.resolve(london(), false);
    EXPECT_EQ(primary.get("gui_clients"), "10.1.0.0/24");
    EXPECT_EQ(all(primary), "|c|unknown key instal_mlm, did you mean install_mlm?\n");
}

TEST(Setup, PasswordAndKeyRules) {
    Answers answers;
    answers.answer("administrator", "annabel");
    answers.answer("host_name", "london.acme.example");
    for (const char* bad : {"short", "passwordpassword", "xxxxxxxxxxxxxx", "for-annabel-only",
                            "in-london-town", "tab\there-and-more"}) {
        EXPECT_NE(check_value("password", bad, answers), "") << bad;
    }
    EXPECT_EQ(check_value("password", "orange-boat-77", answers), "");
    for (const char* bad : {"", "seven77", "12345678", "Password"}) {
        EXPECT_NE(check_value("activation_key", bad, answers), "") << bad;
    }
    EXPECT_EQ(check_value("activation_key", "seven-88", answers), "");
    EXPECT_NE(check_value("activation_key", std::string(129, 'a') + "b", answers), "");
}

TEST(Setup, TimeZonesAndServersAreChecked) {
    for (const char* bad : {"", "Europe/Atlantis", "/etc/passwd", "../zone1970.tab", "Europe"}) {
        EXPECT_NE(check_value("time_zone", bad, {}), "") << bad;
    }
    for (const char* good : {"UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"}) {
        EXPECT_EQ(check_value("time_zone", good, {}), "") << good;
    }
    for (const char* bad : {"", " ", "ntp_1", "a b c d e f g h i", "ntp1;reboot"}) {
        EXPECT_NE(check_value("time_servers", bad, {}), "") << bad;
    }
    for (const char* good : {"system", "ntp1.acme.example", "10.1.0.2, fd00::2", "a b"}) {
        EXPECT_EQ(check_value("time_servers", good, {}), "") << good;
    }
}

TEST(Setup, ARecoveryKeyNeedsAPersonOrACertificate) {
    std::string primary = "[Server]\nRole=primary\n[Administrator]\nPasswordHash=" + std::string(k_hash) + "\n";
    Answers asks, declines, silent;
    asks.read_ini("a", primary + "[Recovery]\nKey=create\n", true);
    asks.resolve(london(), false);
    EXPECT_NE(all(asks).find("shown to somebody who writes it down"), std::string::npos) << all(asks);
    declines.read_ini("a", primary + "[Recovery]\nKey=decline\n", true);
    declines.resolve(london(), false);
    EXPECT_EQ(all(declines), "");
    EXPECT_TRUE(declines.notes().empty());
    silent.read_ini("a", primary, true);
    silent.resolve(london(), false);
    EXPECT_EQ(all(silent), "");
    EXPECT_EQ(silent.get("recovery"), "decline");
    EXPECT_EQ(silent.notes().size(), 1u) << "that is said";
    Answers words;
    words.read_kernel("mds.setup.recovery-words=acid");
    EXPECT_NE(all(words).find("unknown key recovery-words"), std::string::npos) << "only people answer that";
}

TEST_F(Files, AJoinStringIsAKeyForThisServerOnly) {
    mds::JoinString join = mds::JoinString::make("london-mds-01", "10.1.0.11", 3600'000);
    Answers answers;
    answers.read_ini("a", "[Server]\nRole=secondary\n[Trust]\nActivationKeyFile=" + write("key", join.text() + "\n") + "\n",
                     true);
    answers.resolve(london(), false);
    EXPECT_EQ(all(answers), "");
    join.address = "10.1.0.99";
    Answers other;
    other.read_ini("a", "[Server]\nRole=secondary\n[Trust]\nActivationKeyFile=" + write("k2", join.text()) + "\n", true);
    other.resolve(london(), false);
    EXPECT_NE(all(other).find("the join string is for 10.1.0.99, this server has 10.1.0.11"), std::string::npos) << all(other);
}

TEST(Setup, HashesArePlainYescrypt) {
    std::string hash = hash_password("orange-boat-77");
    EXPECT_TRUE(hash.starts_with("$y$"));
    EXPECT_TRUE(verify_password("orange-boat-77", hash));
    EXPECT_FALSE(verify_password("orange-boat-78", hash));
    EXPECT_EQ(check_value("password_hash", hash, {}), "");
    EXPECT_NE(check_value("password_hash", "$1$abc$def", {}), "");
    EXPECT_NE(check_value("password_hash", "orange-boat-77", {}), "");
}

TEST(Setup, F_T7_AnyFileIsAcceptedOrRefusedWithAList) {
    std::mt19937 random(20251124);
    const std::vector<std::string> pieces = {
        "[Server]", "[", "]", "Role", "=", "primary", "secondary", "\n", "\n", "Address=", "10.1.0.11",
        "[Trust]", "ActivationKeyFile=/nowhere", "HostName=", "\xff\xfe", std::string("\0", 1), "#", ";",
        "[Administrator]\nPasswordHash=", k_hash, "GuiClients=1-2", "/", "...", "[Access]", "::1",
        std::string(300, 'a'), "Name: mds/role", "Value: ", "mds.setup.role=", " ", "[Deployment]\nName="};
    int accepted = 0;
    for (int i = 0; i < 10000; ++i) {
        std::string text;
        for (unsigned n = random() % 30; n > 0; --n) text += pieces[random() % pieces.size()];
        Answers answers;
        answers.read_ini("f", text, true);
        answers.read_classic("c", text, true);
        answers.read_kernel(text);
        answers.read_debconf("d", text);
        answers.resolve(london(), false);
        if (answers.problems().empty()) ++accepted;
        for (const Problem& one : answers.problems()) ASSERT_FALSE(one.text.empty());
    }
    EXPECT_LT(accepted, 10000);
}

TEST(Setup, DebconfHoldsAnswersButNoSecrets) {
    Answers answers;
    answers.read_debconf("config.dat",
                         "Name: mds/role\nTemplate: mds/role\nValue: secondary\nOwners: openmds-server\n"
                         "Flags: seen\n\nName: other/role\nValue: primary\n\nName: mds/host-name\n"
                         "Template: mds/host-name\nOwners: openmds-server\n\nName: mds/activation-key\n"
                         "Value: orange-boat-77\n\nName: mds/adress\nValue: 10.1.0.1\n");
    EXPECT_EQ(answers.get("role"), "secondary");
    EXPECT_EQ(answers.values().at("role").source, "debconf mds/role");
    EXPECT_FALSE(answers.has("host_name")) << "registered, not answered";
    EXPECT_FALSE(answers.has("activation_key"));
    std::string text = all(answers);
    EXPECT_NE(text.find("everybody on this host can read config.dat"), std::string::npos) << text;
    EXPECT_NE(text.find("|debconf mds/adress|unknown key adress, did you mean address?"),
              std::string::npos) << text;
}

TEST(Setup, UnknownNamesAreComparedWithNamesOfTheirKind) {
    Answers answers;
    answers.read_kernel("mds.setup.host-nmae=x mds.setup.Server.Rol=primary");
    std::string text = all(answers);
    EXPECT_NE(text.find("unknown key host-nmae, did you mean host-name?"), std::string::npos) << text;
    EXPECT_NE(text.find("unknown key Server.Rol, did you mean Server.Role?"), std::string::npos) << text;
}
