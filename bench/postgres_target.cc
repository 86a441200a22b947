// PostgreSQL doing the same work behind TLS: documents as jsonb, unique names, an index by type and
// name, references; private changes in a table of their own until they are published.
#include <libpq-fe.h>

#include <atomic>
#include <stdexcept>

#include "json/json.hh"
#include "target.hh"

namespace mds::bench {
namespace {

constexpr const char* k_tables = R"(
CREATE TABLE object(uid uuid PRIMARY KEY DEFAULT gen_random_uuid(), type text NOT NULL,
  name text NOT NULL, rev bigint NOT NULL, doc jsonb NOT NULL);
CREATE UNIQUE INDEX object_name ON object(lower(name));
CREATE INDEX object_type_name ON object(type, lower(name));
CREATE TABLE overlay(session int NOT NULL, uid uuid DEFAULT gen_random_uuid(), type text NOT NULL,
  name text NOT NULL, doc jsonb NOT NULL, PRIMARY KEY(session, uid));
CREATE INDEX overlay_name ON overlay(session, lower(name));
CREATE TABLE rule(uid uuid PRIMARY KEY DEFAULT gen_random_uuid(), layer int NOT NULL,
  place numeric NOT NULL, name text NOT NULL, rev bigint NOT NULL, doc jsonb NOT NULL);
CREATE UNIQUE INDEX rule_place ON rule(layer, place);
CREATE TABLE rule_overlay(session int NOT NULL, uid uuid DEFAULT gen_random_uuid(),
  place numeric NOT NULL, name text NOT NULL, doc jsonb NOT NULL, PRIMARY KEY(session, uid));
CREATE INDEX rule_overlay_place ON rule_overlay(session, place);
CREATE TABLE revision(rev bigserial PRIMARY KEY, session int, time timestamptz DEFAULT now(),
  changes int, payload jsonb);
)";

class Postgres : public Session {
  public:
    Postgres(const std::string& connection, bool prepare) {
        static std::atomic<int> s_number = 0;
        number_ = std::to_string(++s_number);
        connection_ = PQconnectdb(connection.c_str());
        if (PQstatus(connection_) != CONNECTION_OK) {
            throw std::runtime_error(PQerrorMessage(connection_));
        }
        run("SET client_min_messages=warning");
        if (prepare) {
            run("DROP TABLE IF EXISTS object, overlay, rule, rule_overlay, revision");
            run(k_tables);
        }
    }
    ~Postgres() override { PQfinish(connection_); }

    void add(const std::string& name, const std::string& address) override {
        // Private work survives a crash of the program, not of the machine: as with us.
        run("SET synchronous_commit=off");
        ask("INSERT INTO overlay(session,type,name,doc) SELECT $1::int,'host',$2::text,"
            "jsonb_build_object('name',$2::text,'type','host','ipv4-address',$3::text,'color',"
            "'black','comments','','tags','[]'::jsonb,'nat-settings',"
            "jsonb_build_object('auto-rule',false)) WHERE NOT EXISTS (SELECT 1 FROM object WHERE "
            "lower(name)=lower($2::text)) AND NOT EXISTS (SELECT 1 FROM overlay WHERE "
            "session=$1::int AND lower(name)=lower($2::text)) RETURNING uid, doc",
            {number_, name, address});
    }
    void add_many(const std::string& prefix, uint64_t first, uint64_t count,
                  uint64_t base) override {
        run("SET synchronous_commit=off");
        ask("INSERT INTO overlay(session,type,name,doc) SELECT $1::int,'host',$2::text||n,"
            "jsonb_build_object('name',$2::text||n,'type','host','ipv4-address','10.'||(n/"
            "65025%256)"
            "||'.'||(m/255%255)||'.'||(m%255+1),'color','black','comments','','tags','[]'::jsonb,"
            "'nat-settings',jsonb_build_object('auto-rule',false)) FROM "
            "generate_series($3::bigint,$4::bigint) n, LATERAL (SELECT n+$5::bigint AS m) x",
            {number_, prefix, std::to_string(first), std::to_string(first + count - 1),
             std::to_string(base)});
    }
    void publish() override {
        run("SET synchronous_commit=on");
        run("BEGIN");
        ask("WITH gone AS (DELETE FROM overlay WHERE session=$1::int RETURNING uid,type,name,doc),"
            "r AS (INSERT INTO revision(session,changes,payload) SELECT $1::int,count(*),"
            "jsonb_agg(doc) FROM gone RETURNING rev) INSERT INTO object(uid,type,name,rev,doc) "
            "SELECT uid,type,name,r.rev,doc FROM gone,r",
            {number_});
        if (rules_) {
            ask("WITH gone AS (DELETE FROM rule_overlay WHERE session=$1::int RETURNING "
                "uid,place,name,doc),r AS (INSERT INTO revision(session,changes,payload) SELECT "
                "$1::int,count(*),jsonb_agg(doc) FROM gone RETURNING rev) INSERT INTO "
                "rule(uid,layer,place,name,rev,doc) SELECT uid,1,place,name,r.rev,doc FROM gone,r",
                {number_});
        }
        run("COMMIT");
    }
    size_t read(const std::string& name) override {
        return ask("SELECT uid,doc::text FROM object WHERE lower(name)=lower($1::text)", {name});
    }
    bool has(const std::string& name) override { return read(name) > 0; }
    size_t page(uint64_t offset) override {
        return ask(
            "SELECT uid,doc::text FROM object WHERE type='host' ORDER BY lower(name) "
            "LIMIT 500 OFFSET $1::bigint",
            {std::to_string(offset)});
    }
    uint64_t search(const std::string& word) override {
        PGresult* result = query(
            "SELECT count(*) OVER (), doc::text FROM object WHERE type='host' AND (lower(name) "
            "LIKE "
            "$1||'%' OR lower(doc->>'comments') LIKE $1||'%' OR doc->>'ipv4-address' LIKE $1||'%') "
            "ORDER BY lower(name) LIMIT 50",
            {word});
        return total_of(result);
    }
    void add_rule(const std::string& name, uint64_t place) override {
        rules_ = true;
        run("SET synchronous_commit=off");
        // The place of a rule is between those of its neighbours, as with us.
        ask("INSERT INTO rule_overlay(session,place,name,doc) SELECT $1::int,p,$2::text,"
            "jsonb_build_object('name',$2::text,'source','any','destination','any','service','any',"
            "'action','Accept','track','None','enabled',true,'comments','','install-on','any') "
            "FROM (" +
                std::string(place ? k_between : k_end) + ") x RETURNING uid, doc",
            {number_, name, std::to_string(place ? place - 1 : 0)});
    }
    size_t rule_page(uint64_t offset) override {
        return ask(
            "SELECT uid,place,doc::text FROM rule WHERE layer=1 ORDER BY place LIMIT 500 "
            "OFFSET $1::bigint",
            {std::to_string(offset)});
    }
    uint64_t rule_search(const std::string& word) override {
        return total_of(
            query("SELECT count(*) OVER (), doc::text FROM rule WHERE layer=1 AND "
                  "lower(name) LIKE $1||'%' ORDER BY place LIMIT 50",
                  {word}));
    }

  protected:
    static constexpr const char* k_end =
        "SELECT $3::bigint+1+coalesce(greatest((SELECT max(place) FROM rule WHERE layer=1),(SELECT "
        "max(place) FROM rule_overlay WHERE session=$1::int)),0) AS p";
    static constexpr const char* k_between =
        "SELECT (min(place)+max(place))/2 + random()::numeric/1000000 AS p FROM (SELECT place FROM "
        "rule WHERE layer=1 ORDER BY place LIMIT 2 OFFSET $3::bigint) y";
    static uint64_t total_of(PGresult* result) {
        uint64_t total =
            PQntuples(result) > 0 ? std::strtoull(PQgetvalue(result, 0, 0), nullptr, 10) : 0;
        PQclear(result);
        return total;
    }
    void run(const std::string& sql) {
        PGresult* result = PQexec(connection_, sql.c_str());
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            throw std::runtime_error(PQerrorMessage(connection_));
        }
    }
    PGresult* query(const std::string& sql, const std::vector<std::string>& values) {
        std::vector<const char*> pointers;
        for (const std::string& value : values) pointers.push_back(value.c_str());
        PGresult* result = PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()),
                                        nullptr, pointers.data(), nullptr, nullptr, 0);
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            PQclear(result);
            throw std::runtime_error(PQerrorMessage(connection_));
        }
        return result;
    }
    size_t ask(const std::string& sql, const std::vector<std::string>& values) {
        PGresult* result = query(sql, values);
        size_t bytes = 0;
        for (int i = 0; i < PQntuples(result); ++i) {
            bytes += static_cast<size_t>(PQgetlength(result, i, PQnfields(result) - 1));
        }
        PQclear(result);
        return bytes;
    }

    PGconn* connection_ = nullptr;
    bool rules_ = false;
    std::string number_;
};

/// One INSERT is all of a publish.
class Plain : public Postgres {
  public:
    explicit Plain(const std::string& connection) : Postgres(connection, false) {}
    void add(const std::string& name, const std::string& address) override {
        one_ = {name, address};
        count_ = 1;
    }
    void add_many(const std::string& prefix, uint64_t first, uint64_t count,
                  uint64_t base) override {
        if (count_ == 0) {
            first_ = first;
            prefix_ = prefix;
        }
        count_ += count;
        base_ = base;
        one_ = {};
    }
    void publish() override {
        const std::string insert = "INSERT INTO object(type,name,rev,doc) SELECT 'host',";
        const std::string rest = ",'color','black','comments','','tags','[]'::jsonb,'nat-settings',"
                                 "jsonb_build_object('auto-rule',false))";
        if (!one_.first.empty()) {
            ask(insert + "$1::text,1,jsonb_build_object('name',$1::text,'type','host',"
                         "'ipv4-address',$2::text" + rest,
                {one_.first, one_.second});
        } else {
            ask(insert + "$1::text||n,1,jsonb_build_object('name',$1::text||n,'type','host',"
                         "'ipv4-address','10.'||((n+$4::bigint)/65025%256)||'.'||((n+$4::bigint)/"
                         "255%255)||'.'||((n+$4::bigint)%255+1)" + rest +
                    " FROM generate_series($2::bigint,$3::bigint) n",
                {prefix_, std::to_string(first_), std::to_string(first_ + count_ - 1),
                 std::to_string(base_)});
        }
        count_ = 0;
    }

  private:
    std::pair<std::string, std::string> one_;
    std::string prefix_;
    uint64_t first_ = 0, count_ = 0, base_ = 0;
};

}  // namespace

void postgres_visit(const std::string& connection) {
    PGconn* c = PQconnectdb(connection.c_str());
    bool good = PQstatus(c) == CONNECTION_OK;
    std::string why = PQerrorMessage(c);
    PQfinish(c);
    if (!good) throw std::runtime_error(why);
}

std::unique_ptr<Session> postgres_session(const std::string& connection, bool prepare, bool plain) {
    if (plain) return std::make_unique<Plain>(connection);
    return std::make_unique<Postgres>(connection, prepare);
}

}  // namespace mds::bench
