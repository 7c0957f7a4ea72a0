--- shunt completion: the completion script of a shell. Each asks `shunt complete WORDS` what may stand at the end of the
--- command line (complete.lua), so that commands, flags and names of the application are known in one place.
local failure = require "shunt.cli.failure"

local completion = {}

local SCRIPTS = {}

SCRIPTS.bash = [==[
# Completion of shunt in bash: source it, or install it as shunt in the folder of bash-completion.
_shunt() {
  local line word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
      :folders)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _shunt shunt
]==]

SCRIPTS.zsh = [==[
#compdef shunt
# Completion of shunt in zsh: put it into a folder of $fpath as _shunt, or source it after compinit.
_shunt() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]}" complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) _files ;;
      :folders) _files -/ ;;
      *$'\t'*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
      *) found+=("${line//:/\\:}") ;;
    esac
  done
  (( $#found )) && _describe shunt found
}
if [[ ${funcstack[1]} == _shunt ]]; then _shunt "$@"; else compdef _shunt shunt; fi
]==]

SCRIPTS.fish = [==[
# Completion of shunt in fish: put it into ~/.config/fish/completions as shunt.fish, or source it.
function __shunt_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] complete $before[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :folders
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c shunt -f -a '(__shunt_complete)'
]==]

function completion.run(args)
  io.write(SCRIPTS[args.shell])
  return failure.DONE
end

return completion
