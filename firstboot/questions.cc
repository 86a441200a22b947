#include <algorithm>

#include "answers.hh"
#include "base/text.hh"

namespace mds::firstboot {

const std::vector<Question>& questions() {
    static const std::vector<Question> k_questions = {
#define MDS_QUESTION(id, key, roles, secret, standard, title, text, help) \
    {#id, key, roles, secret, standard, title, text, help},
#define MDS_ASKED(id, roles, title, text, help) {#id, "", roles, false, "", title, text, help, true},
#define MDS_CHOICE(question, value, what, more)
#include "questions.def"
#undef MDS_CHOICE
#undef MDS_ASKED
#undef MDS_QUESTION
    };
    return k_questions;
}

std::vector<const FixedChoice*> fixed_choices(const Question& question) {
    static const std::vector<FixedChoice> k_choices = {
#define MDS_QUESTION(id, key, roles, secret, standard, title, text, help)
#define MDS_ASKED(id, roles, title, text, help)
#define MDS_CHOICE(question, value, what, more) {#question, value, what, more},
#include "questions.def"
#undef MDS_CHOICE
#undef MDS_ASKED
#undef MDS_QUESTION
    };
    std::vector<const FixedChoice*> found;
    for (const FixedChoice& one : k_choices) {
        if (std::string(one.question) == question.id) found.push_back(&one);
    }
    return found;
}

const char* title(const Question& question) {
    return *question.title == '+' || *question.title == '&' ? question.title + 1 : question.title;
}

const Question* find_question(const std::string& name) {
    std::string wanted = fold(name), id = wanted;
    std::replace(id.begin(), id.end(), '-', '_');
    for (const Question& question : questions()) {
        if (fold(question.key) == wanted || question.id == id) return &question;
    }
    return nullptr;
}

}  // namespace mds::firstboot
