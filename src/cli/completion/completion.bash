_@NAME@() {
    # What no blank parts is one word.
    local rest=${COMP_LINE:0:COMP_POINT} words=() word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ i -eq 0 || $rest == [[:blank:]]* ]]; then
            rest=${rest#"${rest%%[![:blank:]]*}"}
            words+=("${word:0:${#rest}}")
        else
            words[${#words[@]} - 1]+=${word:0:${#rest}}
        fi
        rest=${rest:${#word}}
    done
    local last=$((${#words[@]} - 1)) IFS=$'\013' found
    found=$(_CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$last @VARIABLE@=bash "@COMPLETER@" -- "${words[@]}" 2> /dev/null) || return
    COMPREPLY=($found)
    # The text before the word that bash completes is typed already.
    local before=${words[last]%"$2"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2> /dev/null
    fi
}
if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o bashdefault -o nosort -F _@NAME@ @PROGRAM@
else
    complete -o bashdefault -F _@NAME@ @PROGRAM@
fi
