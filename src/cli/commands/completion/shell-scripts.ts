/**
 * The scripts that shells load. Each asks `kfp-runtime __complete WORDS` what fits, word by word, and leaves files to the shell.
 *
 * An answer has a candidate a line, `VALUE<tab>DESCRIPTION`, and at its end a line `:KIND` for what the shell adds itself: `pipeline`
 * (YAML and JSON files), `file`, `folder`, or `none`.
 *
 * @module
 */
import type { Shell } from "./completion.ts";

/** bash 3.2, which macOS has, knows neither mapfile nor compopt in functions it did not make itself. */
const BASH = String.raw`# bash completion of kfp-runtime. Load it: source <(kfp-runtime completion bash)
_kfp_runtime() {
  local current="${"$"}{COMP_WORDS[COMP_CWORD]}" kind=none line value
  [[ $current == "=" ]] && current=""
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) kind="${"$"}{line#:}" ;;
      *)
        value="${"$"}{line%%$'\t'*}"
        COMPREPLY+=("$(printf %q "$value")")
        ;;
    esac
  done < <("${"$"}{COMP_WORDS[0]}" __complete "${"$"}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $kind != none ]]; then
    type compopt >/dev/null 2>&1 && compopt -o filenames
    while IFS= read -r line; do
      if [[ -d $line || $kind == file || ( $kind == pipeline && $line =~ \.(yaml|yml|json)$ ) ]]; then
        COMPREPLY+=("$line")
      fi
    done < <(compgen -f -- "$current")
  fi
}
complete -F _kfp_runtime kfp-runtime
`;

const ZSH = String.raw`#compdef kfp-runtime
# zsh completion of kfp-runtime. Load it: source <(kfp-runtime completion zsh)
_kfp_runtime() {
  local line kind=none
  local -a described
  while IFS= read -r line; do
    case $line in
      :*) kind=${"$"}{line#:} ;;
      *) described+=("${"$"}{${"$"}{line%%$'\t'*}//:/\\:}:${"$"}{line#*$'\t'}") ;;
    esac
  done < <("${"$"}{words[1]}" __complete "${"$"}{(@)words[2,CURRENT]}" 2>/dev/null)
  (( ${"$"}{#described} )) && _describe -t values value described
  case $kind in
    pipeline) _files -g '*.(yaml|yml|json)' ;;
    file) _files ;;
    folder) _files -/ ;;
  esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _kfp_runtime kfp-runtime
`;

const FISH = String.raw`# fish completion of kfp-runtime. Load it: kfp-runtime completion fish | source
function __kfp_runtime_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l kind none
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        if string match -q ':*' -- $line
            set kind (string sub -s 2 -- $line)
        else
            echo $line
        end
    end
    switch $kind
        case pipeline
            for file in (__fish_complete_path "$current")
                set -l name (string split -f 1 \t -- $file)
                string match -qr '(/|\.ya?ml|\.json)$' -- $name; and echo $name
            end
        case file
            __fish_complete_path "$current"
        case folder
            __fish_complete_directories "$current"
    end
end
complete -c kfp-runtime -f -a '(__kfp_runtime_complete)'
`;

/** By shell. */
export const SHELL_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
