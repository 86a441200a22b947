#include <algorithm>

#include "answers.hh"
#include "base/text.hh"

namespace mds::firstboot {

const std::vector<Question>& questions() {
    static const std::vector<Question> k_questions = {
#define MDS_QUESTION(id, key, roles, secret, standard, title, text, help) \
    {#id, key, roles, secret, standard, title, text, help},
#include "questions.def"
#undef MDS_QUESTION
    };
    return k_questions;
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
