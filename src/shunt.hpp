/* shunt for C++11 and later: what shunt.h has most often, with objects that end themselves, ranges and exceptions.
 *
 *     shunt::app app("shunt.yaml");
 *     shunt::session session(app, "acme");
 *     for (shunt::row user : session.select("user", shunt::query().where({"age", SHUNT_GTE, 18}).include("orders")))
 *       std::cout << user["name"].text() << ": " << user.children("orders").size() << " orders\n";
 *     session.transaction([&] { session.insert("user", {{"name", "Ada"}, {"age", 36}}); });
 *
 * This header only calls shunt.h, which says what each call does, waits for and may be used for; get() returns the
 * object of shunt.h for everything that is not here.
 * Ownership: app, session, rows and stream own theirs and can be moved. A session ends before its app, which would stay
 * open otherwise, and a stream before its session. A row, a cell and a range of rows point into their rows and must not
 * outlive them. Conditions, queries and records own copies of what they are made of.
 * Threads: as in shunt.h; a query, a condition or a record is used by one thread at a time, also if it is const.
 * Errors: shunt::error, with the shunt_error in get(). */
#ifndef SHUNT_HPP
#define SHUNT_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "shunt.h"

namespace shunt {

/* ---- errors ---- */

class error : public std::runtime_error {
public:
  explicit error(const shunt_error &err) : std::runtime_error(err.message), err_(err) {}
  const shunt_error &get() const noexcept { return err_; }
  shunt_status status() const noexcept { return err_.status; }

private:
  shunt_error err_;
};

namespace detail {

inline void check(shunt_status status, const shunt_error &err) {
  if (status) throw error(err);
}

[[noreturn]] inline void refuse(const std::string &why) {
  shunt_error err = shunt_error();
  err.status = SHUNT_E_USAGE;
  why.copy(err.message, sizeof err.message - 1);
  throw error(err);
}

template <class T, void (*end)(T *)> struct ender {
  void operator()(T *object) const noexcept { end(object); }
};
template <class T, void (*end)(T *)> using owner = std::unique_ptr<T, ender<T, end>>;

inline void free_text(char *text) { shunt_free(text); }
inline void close_app(shunt_app *app) { (void)shunt_close(app); }

inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
  std::vector<const char *> list;
  for (const std::string &text : texts) list.push_back(text.c_str());
  return list;
}

} // namespace detail

/* ---- values ---- */

/* A value that owns its bytes: null, a boolean, an integer, a floating-point number, text, or a blob. */
class value {
public:
  value() : value_(shunt_null()) {}
  value(std::nullptr_t) : value_(shunt_null()) {}
  template <class T, typename std::enable_if<std::is_same<T, bool>::value, int>::type = 0> /* not for pointers */
  value(T b) : value_(shunt_boolean(b)) {}
  template <class T,
            typename std::enable_if<std::is_integral<T>::value && !std::is_same<T, bool>::value, int>::type = 0>
  value(T i) : value_(shunt_integer(static_cast<std::int64_t>(i))) {
    if (std::is_unsigned<T>::value && value_.as.integer < 0) detail::refuse("an integer has more than 63 bits");
  }
  value(double d) : value_(shunt_float(d)) {}
  value(const char *text) : value_(shunt_str(text)), bytes_(text ? text : "") {}
  value(std::string text) : value_(shunt_str("")), bytes_(std::move(text)) {}
  value(const shunt_value &v) : value_(v) {
    if (has_bytes()) bytes_.assign(v.as.bytes, v.size);
  }
  static value blob(const void *bytes, std::size_t size) { return value(shunt_blob(bytes, size)); }

  /* Borrows the bytes. */
  shunt_value get() const {
    if (!has_bytes()) return value_;
    if (bytes_.size() > UINT32_MAX) detail::refuse("a text or blob has 4 GiB or more");
    return value_.type == SHUNT_TEXT ? shunt_text(bytes_.data(), bytes_.size())
                                     : shunt_blob(bytes_.data(), bytes_.size());
  }

private:
  bool has_bytes() const noexcept { return value_.type == SHUNT_TEXT || value_.type == SHUNT_BLOB; }

  shunt_value value_;
  std::string bytes_;
};

/* ---- rows ---- */

/* A cell of a row. A conversion to another type than its own is an error (USAGE); number() also takes an integer. */
class cell {
public:
  cell(const shunt_value *v, const char *column) : value_(v), column_(column) {}
  const shunt_value &get() const noexcept { return *value_; }
  shunt_type type() const noexcept { return static_cast<shunt_type>(value_->type); }
  bool is_null() const noexcept { return type() == SHUNT_NULL; }
  bool boolean() const { return as(SHUNT_BOOL).as.boolean; }
  std::int64_t integer() const { return as(SHUNT_INTEGER).as.integer; }
  double number() const {
    return type() == SHUNT_INTEGER ? static_cast<double>(value_->as.integer) : as(SHUNT_FLOAT).as.number;
  }
  std::string text() const { return std::string(as(SHUNT_TEXT).as.bytes, value_->size); }
  std::string blob() const { return std::string(as(SHUNT_BLOB).as.bytes, value_->size); }

private:
  const shunt_value &as(shunt_type wanted) const {
    static const char *const names[] = {"null", "a boolean", "an integer", "a floating-point number", "text", "a blob"};
    if (type() != wanted)
      detail::refuse(std::string("column '") + column_ + "' is " + names[type()] + ", not " + names[wanted]);
    return *value_;
  }

  const shunt_value *value_;
  const char *column_;
};

class range;

class row {
public:
  row(const shunt_rows *rows, std::size_t number) : rows_(rows), number_(number) {}
  /* A column that is not there is an error (USAGE). */
  cell operator[](const char *column) const {
    const shunt_value *found = shunt_rows_get(rows_, number_, column);
    if (!found) detail::refuse(std::string("the rows have no column '") + column + "'");
    return cell(found, column);
  }
  cell operator[](const std::string &column) const { return (*this)[column.c_str()]; }
  /* The related rows; a relation that was not loaded is an error (USAGE). */
  range children(const char *relation) const;

private:
  const shunt_rows *rows_;
  std::size_t number_;
};

/* Some rows of a result, in their order. */
class range {
public:
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = row;
    using difference_type = std::ptrdiff_t;
    using pointer = const row *;
    using reference = row;

    iterator() : rows_(nullptr), positions_(nullptr), at_(0) {}
    row operator*() const { return row(rows_, positions_ ? positions_[at_] : at_); }
    iterator &operator++() {
      ++at_;
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const iterator &a, const iterator &b) { return a.at_ == b.at_; }
    friend bool operator!=(const iterator &a, const iterator &b) { return a.at_ != b.at_; }

  private:
    friend class range;
    iterator(const shunt_rows *rows, const std::uint32_t *positions, std::size_t at)
        : rows_(rows), positions_(positions), at_(at) {}

    const shunt_rows *rows_;
    const std::uint32_t *positions_;
    std::size_t at_;
  };

  /* at: the positions of the rows; NULL: the first ones. */
  range(const shunt_rows *rows, const std::uint32_t *at, std::size_t size) : rows_(rows), at_(at), size_(size) {}
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  row operator[](std::size_t i) const {
    if (i >= size_) detail::refuse("there is no row " + std::to_string(i) + " of " + std::to_string(size_));
    return row(rows_, at_ ? at_[i] : i);
  }
  iterator begin() const { return iterator(rows_, at_, 0); }
  iterator end() const { return iterator(rows_, at_, size_); }

private:
  const shunt_rows *rows_;
  const std::uint32_t *at_;
  std::size_t size_;
};

inline range row::children(const char *relation) const {
  const std::uint32_t *at;
  std::size_t n;
  const shunt_rows *related = shunt_rows_children(rows_, number_, relation, &at, &n);
  if (!related) detail::refuse(std::string("the rows of the relation '") + relation + "' were not loaded");
  return range(related, at, n);
}

class rows : public range {
public:
  explicit rows(shunt_rows *owned) : range(owned, nullptr, shunt_rows_count(owned)), owned_(owned) {}
  const shunt_rows *get() const noexcept { return owned_.get(); }
  std::string json() const {
    shunt_error err;
    char *text;
    detail::check(shunt_rows_json(get(), &text, &err), err);
    detail::owner<char, detail::free_text> owned(text);
    return std::string(text);
  }

private:
  detail::owner<shunt_rows, shunt_rows_free> owned_;
};

/* ---- conditions ---- */

class where {
public:
  /* The column equals the value; for null: is null. */
  where(std::string column, value v) : where(std::move(column), SHUNT_EQ, {std::move(v)}) {}
  where(std::string column, shunt_operator op, value v) : where(std::move(column), op, {std::move(v)}) {}
  where(std::string column, shunt_operator op, std::initializer_list<value> values)
      : op_(op), column_(std::move(column)), values_(values) {}
  /* SHUNT_AND, SHUNT_OR, SHUNT_NOT. */
  where(shunt_operator op, std::initializer_list<where> items) : op_(op), items_(items) {}
  /* SHUNT_SOME, SHUNT_NONE, SHUNT_EVERY over a relation. */
  where(std::string relation, shunt_operator op, where item)
      : op_(op), column_(std::move(relation)), items_(1, std::move(item)) {}

  /* Borrows from this condition. */
  const shunt_where *get() const {
    made_ = make();
    return &made_;
  }

private:
  shunt_where make() const {
    shunt_where w = shunt_where();
    made_values_.clear();
    made_items_.clear();
    for (const value &v : values_) made_values_.push_back(v.get());
    for (const where &item : items_) made_items_.push_back(item.make());
    w.op = op_;
    w.column = column_.empty() ? nullptr : column_.c_str();
    w.values = made_values_.data();
    w.nvalues = made_values_.size();
    w.items = made_items_.data();
    w.nitems = made_items_.size();
    return w;
  }

  shunt_operator op_;
  std::string column_;
  std::vector<value> values_;
  std::vector<where> items_;
  mutable std::vector<shunt_value> made_values_;
  mutable std::vector<shunt_where> made_items_;
  mutable shunt_where made_ = shunt_where();
};

inline where all(std::initializer_list<where> items) { return where(SHUNT_AND, items); }
inline where any(std::initializer_list<where> items) { return where(SHUNT_OR, items); }
inline where negate(where item) { return where(SHUNT_NOT, {std::move(item)}); }

/* ---- queries ---- */

class query {
public:
  query() : made_() {}
  query &columns(std::vector<std::string> names) { return columns_ = std::move(names), *this; }
  query &where(shunt::where condition) { return where_.assign(1, std::move(condition)), *this; }
  query &order(std::vector<std::string> terms) { return order_ = std::move(terms), *this; }
  /* Of 0: no rows. */
  query &limit(std::int64_t most) {
    if (most < 0) detail::refuse("a limit must be 0 or more, not " + std::to_string(most));
    return made_.limit = most ? most : SHUNT_NO_ROWS, *this;
  }
  query &offset(std::int64_t rows) { return made_.offset = rows, *this; }
  query &client(std::string name) { return client_ = std::move(name), *this; }
  query &table(std::string name) { return table_ = std::move(name), *this; }
  query &timeout_ms(std::int64_t ms) { return made_.timeout_ms = ms, *this; }
  query &deleted(bool too = true) { return made_.deleted = too, *this; }
  query &distinct(bool yes = true) { return made_.distinct = yes, *this; }
  query &lock(shunt_lock kind) { return made_.lock = kind, *this; }
  query &include(std::string relation, query of = query()) {
    relations_.push_back(std::move(relation));
    queries_.push_back(std::move(of));
    return *this;
  }

  /* Borrows from this query. */
  const shunt_query *get() const {
    made_columns_ = detail::pointers(columns_);
    made_order_ = detail::pointers(order_);
    made_include_.clear();
    for (std::size_t i = 0; i < relations_.size(); i++) {
      shunt_include in = shunt_include();
      in.relation = relations_[i].c_str();
      in.query = queries_[i].get();
      made_include_.push_back(in);
    }
    made_.size = sizeof made_;
    made_.columns = made_columns_.data();
    made_.ncolumns = made_columns_.size();
    made_.where = where_.empty() ? nullptr : where_[0].get();
    made_.order = made_order_.data();
    made_.norder = made_order_.size();
    made_.client = client_.empty() ? nullptr : client_.c_str();
    made_.table = table_.empty() ? nullptr : table_.c_str();
    made_.include = made_include_.data();
    made_.ninclude = made_include_.size();
    return &made_;
  }

private:
  std::vector<std::string> columns_, order_, relations_;
  std::vector<query> queries_;      /* of the relations */
  std::vector<shunt::where> where_; /* one or none */
  std::string client_, table_;
  mutable std::vector<const char *> made_columns_, made_order_;
  mutable std::vector<shunt_include> made_include_;
  mutable shunt_query made_;
};

/* A row to write: {{"name", "Ada"}, {"age", 36}}. */
class record {
public:
  record(std::initializer_list<std::pair<std::string, value>> fields) : fields_(fields) {}
  record &set(const std::string &column, value v) {
    for (std::pair<std::string, value> &field : fields_)
      if (field.first == column) return field.second = std::move(v), *this;
    return fields_.emplace_back(column, std::move(v)), *this;
  }

  /* Borrows from this record. */
  const shunt_record *get() const {
    made_fields_.clear();
    for (const std::pair<std::string, value> &field : fields_) {
      shunt_field f = {field.first.c_str(), field.second.get()};
      made_fields_.push_back(f);
    }
    made_.fields = made_fields_.data();
    made_.nfields = made_fields_.size();
    return &made_;
  }

private:
  std::vector<std::pair<std::string, value>> fields_;
  mutable std::vector<shunt_field> made_fields_;
  mutable shunt_record made_ = shunt_record();
};

/* ---- applications and sessions ---- */

class app {
public:
  explicit app(const std::string &path, const shunt_options *options = nullptr) {
    shunt_error err;
    shunt_app *opened = nullptr;
    detail::check(shunt_open(path.c_str(), options, &opened, &err), err);
    app_.reset(opened);
  }
  void reload() {
    shunt_error err;
    detail::check(shunt_reload(get(), nullptr, &err), err);
  }
  std::uint64_t generation() const noexcept { return shunt_generation(get()); }
  shunt_app *get() const noexcept { return app_.get(); }

private:
  detail::owner<shunt_app, detail::close_app> app_;
};

/* Rows one by one, once: for (const shunt::stream::row &row : session.each("user")) … row["name"] … A row is valid
 * until the next one is read. */
class stream {
public:
  class row {
  public:
    cell operator[](const char *column) const {
      for (std::size_t i = 0; i < shunt_stream_ncolumns(of_); i++)
        if (std::string(column) == shunt_stream_column(of_, i)) return cell(&cells_[i], column);
      detail::refuse(std::string("the rows have no column '") + column + "'");
    }

  private:
    friend class stream;
    const shunt_stream *of_ = nullptr;
    const shunt_value *cells_ = nullptr;
  };

  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = row;
    using difference_type = std::ptrdiff_t;
    using pointer = const row *;
    using reference = const row &;

    explicit iterator(stream *of = nullptr) : of_(of) {
      if (of_) advance();
    }
    const row &operator*() const { return of_->row_; }
    const row *operator->() const { return &of_->row_; }
    iterator &operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(const iterator &a, const iterator &b) { return a.of_ == b.of_; }
    friend bool operator!=(const iterator &a, const iterator &b) { return a.of_ != b.of_; }

  private:
    void advance() {
      if (!of_->next()) of_ = nullptr;
    }
    stream *of_;
  };

  explicit stream(shunt_stream *owned) : stream_(owned) {}
  iterator begin() { return iterator(this); }
  iterator end() { return iterator(); }
  shunt_stream *get() const noexcept { return stream_.get(); }

private:
  bool next() {
    shunt_error err;
    row_.of_ = get();
    detail::check(shunt_stream_next(get(), &row_.cells_, &err), err);
    return row_.cells_ != nullptr;
  }

  detail::owner<shunt_stream, shunt_stream_close> stream_;
  row row_;
};

class session {
public:
  explicit session(app &of, const std::string &instance = std::string()) {
    shunt_session_options options = shunt_session_options();
    options.size = sizeof options;
    options.instance = instance.c_str();
    open(of, options);
  }
  session(app &of, const shunt_session_options &options) { open(of, options); }
  shunt_session *get() const noexcept { return session_.get(); }

  /* The datasource that an access to the model goes to. A denied access is an error. */
  std::string client_of(const std::string &model, shunt_op op = SHUNT_READ) {
    shunt_request request = shunt_request();
    request.size = sizeof request;
    request.model = model.c_str();
    request.op = op;
    return resolve(request).client;
  }
  /* Valid until the next call of the session. A denied access is an error. */
  const shunt_decision &resolve(const shunt_request &request) {
    shunt_error err;
    const shunt_decision *decision;
    detail::check(shunt_resolve(get(), &request, &decision, &err), err);
    return *decision;
  }

  /* The rows are empty if there is none with this key. */
  rows get(const std::string &model, const value &key, const query &q = query()) {
    return result([&](shunt_rows **to, shunt_error *err) {
      return shunt_get(get(), model.c_str(), key.get(), q.get(), to, err);
    });
  }
  rows select(const std::string &model, const query &q = query()) {
    return result(
        [&](shunt_rows **to, shunt_error *err) { return shunt_select(get(), model.c_str(), q.get(), to, err); });
  }
  std::int64_t count(const std::string &model, const query &q = query()) {
    return number([&](std::int64_t *to, shunt_error *err) { //
      return shunt_count(get(), model.c_str(), q.get(), to, err);
    });
  }
  stream each(const std::string &model, const query &q = query()) {
    shunt_error err;
    shunt_stream *opened;
    detail::check(shunt_each(get(), model.c_str(), q.get(), &opened, &err), err);
    return stream(opened);
  }

  rows insert(const std::string &model, const record &r, const shunt_write *options = nullptr) {
    return result([&](shunt_rows **to, shunt_error *err) {
      return shunt_insert(get(), model.c_str(), r.get(), options, to, err);
    });
  }
  /* Of the row with the primary key in the record. */
  std::int64_t update(const std::string &model, const record &r) { return update(model, r, nullptr); }
  std::int64_t update(const std::string &model, const record &r, const where &which) {
    return update(model, r, which.get());
  }
  std::int64_t increment(const std::string &model, const where &which, const std::string &column, const value &by) {
    const shunt_field field = {column.c_str(), by.get()};
    shunt_write options = shunt_write();
    options.size = sizeof options;
    options.where = which.get();
    options.increments = &field;
    options.nincrements = 1;
    return number([&](std::int64_t *to, shunt_error *err) {
      return shunt_update(get(), model.c_str(), nullptr, &options, to, err);
    });
  }
  std::int64_t remove(const std::string &model, const where &which) {
    shunt_write options = shunt_write();
    options.size = sizeof options;
    options.where = which.get();
    return number(
        [&](std::int64_t *to, shunt_error *err) { return shunt_delete(get(), model.c_str(), &options, to, err); });
  }

  /* Calls fn() in a transaction: commits when it returns, rolls back when it throws, and throws that again. */
  template <class F> void transaction(F &&fn, const shunt_tx_options *options = nullptr) {
    work<typename std::remove_reference<F>::type> w(fn);
    shunt_error err;
    const shunt_status status = shunt_transaction(get(), options, w.run, &w, &err);
    if (!status) return;
    if (w.thrown && w.is_all_of(err)) std::rethrow_exception(w.thrown);
    throw error(err);
  }

  std::int64_t push(const std::string &job, const std::string &json = "null",
                    const shunt_push_options *options = nullptr) {
    return number([&](std::int64_t *to, shunt_error *err) {
      return shunt_push(get(), job.c_str(), json.c_str(), options, to, err);
    });
  }

private:
  /* Exceptions must not pass through the library: they wait here. */
  template <class F> struct work {
    F &fn;
    std::exception_ptr thrown;
    shunt_error failure; /* as it was given to the library */

    explicit work(F &function) : fn(function), failure() {}
    bool is_all_of(const shunt_error &err) const {
      return err.status == failure.status && std::strcmp(err.message, failure.message) == 0;
    }
    static shunt_status run(void *ud, shunt_session *, shunt_error *err) noexcept {
      work *w = static_cast<work *>(ud);
      w->thrown = nullptr;
      try {
        w->fn();
        return SHUNT_OK;
      } catch (const error &e) {
        w->failure = e.get();
        w->thrown = std::current_exception();
      } catch (...) {
        w->failure = shunt_error();
        w->failure.status = SHUNT_E_USAGE;
        std::strcpy(w->failure.message, "the function has thrown");
        w->thrown = std::current_exception();
      }
      *err = w->failure;
      return err->status;
    }
  };

  void open(app &of, const shunt_session_options &options) {
    shunt_error err;
    shunt_session *opened;
    detail::check(shunt_session_open(of.get(), &options, &opened, &err), err);
    session_.reset(opened);
  }
  std::int64_t update(const std::string &model, const record &r, const shunt_where *which) {
    shunt_write options = shunt_write();
    options.size = sizeof options;
    options.where = which;
    return number([&](std::int64_t *to, shunt_error *err) {
      return shunt_update(get(), model.c_str(), r.get(), &options, to, err);
    });
  }
  template <class F> rows result(const F &call) {
    shunt_error err;
    shunt_rows *made;
    detail::check(call(&made, &err), err);
    return rows(made);
  }
  template <class F> std::int64_t number(const F &call) {
    shunt_error err;
    std::int64_t n;
    detail::check(call(&n, &err), err);
    return n;
  }

  detail::owner<shunt_session, shunt_session_close> session_;
};

} // namespace shunt

#endif
