#include <string_view>

#include "completion.hh"

namespace mds::ctl {
namespace {

// Exit status 3 of __complete: a path stands there, which the shell completes better than anybody.
constexpr char k_bash[] = R"(# bash completion of mdsctl; printed by: mdsctl completion bash
_mdsctl() {
    local line lines
    COMPREPLY=()
    lines=$(command mdsctl __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [ $? = 3 ]; then
        compopt -o default 2>/dev/null
        return
    fi
    while IFS= read -r line; do
        [ -n "$line" ] && COMPREPLY+=("$line")
    done <<<"$lines"
}
complete -F _mdsctl mdsctl
)";

constexpr char k_zsh[] = R"(#compdef mdsctl
# zsh completion of mdsctl; printed by: mdsctl completion zsh
_mdsctl() {
    local line code
    local -a lines values shown
    lines=("${(@f)$(command mdsctl __complete words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null; print -r -- $?)}")
    code=$lines[-1]
    lines[-1]=()
    if [[ $code == 3 ]]; then
        _files
        return
    fi
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        values+=("${line%%$'\t'*}")
        if [[ -n ${line#*$'\t'} ]]; then
            shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
        else
            shown+=("${line%%$'\t'*}")
        fi
    done
    compadd -l -d shown -a values
}
if [[ $funcstack[1] == _mdsctl ]]; then
    _mdsctl "$@"
else
    compdef _mdsctl mdsctl
fi
)";

constexpr char k_fish[] = R"(# fish completion of mdsctl; printed by: mdsctl completion fish
function __mdsctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command mdsctl __complete words $words[2..-1] (string unescape -- "$current"; or printf '%s\n' "$current") 2>/dev/null)
    if test $status = 3
        __fish_complete_path (commandline -ct)
        return
    end
    printf '%s\n' $lines
end
complete -c mdsctl -f -a '(__mdsctl_complete)'
)";

}  // namespace

const char* completion_script(const std::string& shell) {
    if (shell == "zsh") return k_zsh;
    return shell == "fish" ? k_fish : k_bash;
}

}  // namespace mds::ctl
