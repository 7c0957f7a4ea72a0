# Completion of the shunt command in bash: source this file, or install it as shunt in bash-completion's folder.

# The names of one kind that the application on this command line has.
_shunt_names() {
  local i flags=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -c | --config | --env) flags+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
    esac
  done
  "${COMP_WORDS[0]}" topology --names "$1" "${flags[@]}" 2>/dev/null
}

_shunt() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' i
  COMPREPLY=()
  local request="--relation --relation-client --instance --client --current --parent --op --level --where --attr --json"
  local common="-c --config --env --help"

  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      init | resolve | explain | query | check | topology | config | test | run | worker | jobs | bench | help)
        command=${COMP_WORDS[i]}
        break
        ;;
    esac
  done

  case $before in
    -c | --config)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
    --env) words="dev test prod" ;;
    --client | --current | --parent) words=$(_shunt_names clients) ;;
    --relation-client) words="_inherit_ _initial_ _auto_ $(_shunt_names clients)" ;;
    --instance) words=$(_shunt_names instances) ;;
    --model) words=$(_shunt_names models) ;;
    --relation) words=$(_shunt_names relations) ;;
    --op) words="read write" ;;
    --format) words="text json dot mermaid" ;;
    --state) words="ready running done dead" ;;
    --level | --where | --attr | --include | --columns | --order | --limit | --offset | --timeout | --filter | --output | --seconds | --queue | --concurrency | --older) return ;;
    *)
      case $command in
        "") words="init resolve explain query check topology config test run worker jobs bench help --help --version" ;;
        resolve) words="$request $common" ;;
        explain) words="$request --all $common" ;;
        query) words="$request --include --columns --order --limit --offset --timeout --sql $common" ;;
        check) words="--strict --online --json $common" ;;
        topology) words="--format --json $common" ;;
        config) words=$common ;;
        test) words="--filter --output $common" ;;
        run) words=$common ;;
        worker) words="--queue --concurrency --once $common" ;;
        jobs)
          words="--queue --state --older --limit --json $common"
          [[ " ${COMP_WORDS[*]:1:COMP_CWORD-1} " == *\ @(list|retry|purge)\ * ]] || words="list retry purge $words"
          ;;
        bench) words="--model --seconds --json $common" ;;
        init) words="--help" ;;
        help) words="init resolve explain query check topology config test run worker jobs bench" ;;
      esac
      case $command in
        resolve | explain | query) [[ $word == -* ]] || words=$(_shunt_names models) ;;
        init) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        test | run) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
      esac
      ;;
  esac
  local found
  mapfile -t found < <(compgen -W "$words" -- "$word")
  COMPREPLY+=("${found[@]}")
}

complete -o filenames -F _shunt shunt
