package schematest

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// API is a REST API as its OpenAPI document describes it. It is safe for use by several
// goroutines.
type API struct {
	doc     *document
	routes  []route            // of two that fit, the one with fewer parameters comes first
	problem *jsonschema.Schema // of answers that belong to no route
}

// route is a path of the document.
type route struct {
	template   string
	segments   []string
	operations map[string]*operation // by method
}

// operation is one method of a path.
type operation struct {
	query     []parameter
	body      *content
	needsBody bool
	responses map[string]response // by status
}

// parameter is a parameter of the query.
type parameter struct {
	name     string
	required bool
	isText   bool // else JSON
	schema   *jsonschema.Schema
}

// response is an answer of one status.
type response struct {
	headers map[string]bool // that there may be; true: must be
	media   map[string]content
}

// content is a body of one media type.
type content struct {
	schema  *jsonschema.Schema
	isJSON  bool
	example node
}

// apis are the documents that were read: a func() (*API, error) for each file.
var apis sync.Map

// LoadAPI reads an OpenAPI document; file is relative to the folder of the package
// under test.
func LoadAPI(tb testing.TB, file string) *API {
	tb.Helper()
	load, _ := apis.LoadOrStore(file, sync.OnceValues(func() (*API, error) {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		return readAPI(file, data)
	}))
	read, _ := load.(func() (*API, error)) // apis holds nothing else
	api, err := read()
	if err != nil {
		tb.Fatal(err)
	}
	return api
}

// methods are those that a path of a document may have.
var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

func readAPI(name string, data []byte) (*API, error) {
	doc, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	a := &API{doc: doc}
	if a.problem, err = doc.top().at("components", "schemas", "Problem").schema(); err != nil {
		return nil, err
	}
	paths := doc.top().at("paths")
	for _, template := range paths.keys() {
		item := paths.at(template)
		r := route{template: template, segments: strings.Split(template, "/"), operations: map[string]*operation{}}
		for _, method := range methods {
			if o := item.at(method); o.isThere() {
				if r.operations[strings.ToUpper(method)], err = readOperation(item, o); err != nil {
					return nil, fmt.Errorf("%s %s: %w", method, template, err)
				}
			}
		}
		a.routes = append(a.routes, r)
	}
	slices.SortStableFunc(a.routes, func(x, y route) int {
		return cmp.Compare(strings.Count(x.template, "{"), strings.Count(y.template, "{"))
	})
	return a, nil
}

func readOperation(item, o node) (*operation, error) {
	op := &operation{responses: map[string]response{}}
	for _, p := range slices.Concat(item.at("parameters").items(), o.at("parameters").items()) {
		if p.at("in").text() != "query" {
			continue
		}
		schema, err := p.at("schema").schema()
		if err != nil {
			return nil, err
		}
		kind := p.at("schema", "type").text()
		op.query = append(op.query, parameter{
			name:     p.at("name").text(),
			required: p.at("required").isTrue(),
			isText:   kind != "integer" && kind != "number" && kind != "boolean",
			schema:   schema,
		})
	}
	if body := o.at("requestBody"); body.isThere() {
		c, err := readContent(body.at("content", "application/json"), "application/json")
		if err != nil {
			return nil, err
		}
		op.body, op.needsBody = &c, body.at("required").isTrue()
	}
	responses := o.at("responses")
	for _, status := range responses.keys() {
		r, err := readResponse(responses.at(status))
		if err != nil {
			return nil, err
		}
		op.responses[status] = r
	}
	return op, nil
}

func readResponse(n node) (response, error) {
	r := response{headers: map[string]bool{}, media: map[string]content{}}
	for _, name := range n.at("headers").keys() {
		r.headers[name] = n.at("headers", name, "required").isTrue()
	}
	for _, media := range n.at("content").keys() {
		c, err := readContent(n.at("content", media), media)
		if err != nil {
			return r, err
		}
		r.media[media] = c
	}
	return r, nil
}

func readContent(n node, media string) (content, error) {
	c := content{isJSON: media == "application/json" || strings.HasSuffix(media, "+json"), example: n.at("example")}
	var err error
	c.schema, err = n.at("schema").schema()
	return c, err
}

// Members returns the members that a schema of the document has, in order.
func (a *API) Members(schema string) []string { return a.doc.members(schema) }

// Routes returns what the document has, as "GET /api/v1/room/{name}", in order.
func (a *API) Routes() []string {
	var all []string
	for _, r := range a.routes {
		for method := range r.operations {
			all = append(all, method+" "+r.template)
		}
	}
	slices.Sort(all)
	return all
}

// Codes returns the codes that a problem document may have.
func (a *API) Codes() []string {
	var all []string
	for _, code := range a.doc.top().at("components", "schemas", "Problem", "properties", "code", "enum").items() {
		all = append(all, code.text())
	}
	return all
}

// Exchange is a request and its answer.
type Exchange struct {
	Method string
	Target string // path and query, escaped as they were sent
	Sent   string // the request's body
	Status int
	Header http.Header // of the answer
	Answer string      // its body
}

// Check tells how an exchange differs from the document. Where a path or a method is
// not in the document, the answer must be a problem that says so.
func (a *API) Check(e Exchange) error {
	target, query, _ := strings.Cut(e.Target, "?")
	r := a.find(target)
	if r == nil {
		return a.isRefused(e, http.StatusNotFound, http.StatusBadRequest, http.StatusUnauthorized)
	}
	op := r.operations[e.Method]
	if op == nil && e.Method == http.MethodHead {
		op = r.operations[http.MethodGet]
	}
	switch {
	case op != nil:
	case e.Method == http.MethodOptions && e.Status == http.StatusNoContent:
		return nil
	default:
		return a.isRefused(e, http.StatusMethodNotAllowed, http.StatusNotFound, http.StatusBadRequest, http.StatusUnauthorized)
	}
	answer, ok := op.responses[strconv.Itoa(e.Status)]
	if !ok {
		return fmt.Errorf("%s %s has no status %d", e.Method, r.template, e.Status)
	}
	errs := []error{answer.check(e)}
	if e.Status < http.StatusMultipleChoices && e.Status >= http.StatusOK {
		errs = append(errs, op.checkQuery(query), op.checkBody(e.Sent))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s, %d: %w", e.Method, r.template, e.Status, err)
	}
	return nil
}

// find returns the route of a path, nil if there is none.
func (a *API) find(target string) *route {
	segments := strings.Split(target, "/")
	for i := range a.routes {
		if a.routes[i].fits(segments) {
			return &a.routes[i]
		}
	}
	return nil
}

// fits tells whether an escaped path has the route's form. The router takes words only
// as they are; below /r/NAME the room does, which sees them unescaped.
func (r *route) fits(segments []string) bool {
	return slices.EqualFunc(r.segments, segments, func(want, got string) bool {
		if strings.HasPrefix(want, "{") {
			return got != ""
		}
		if len(segments) > 3 && segments[1] == "r" {
			if unescaped, err := url.PathUnescape(got); err == nil {
				got = unescaped
			}
		}
		return got == want
	})
}

// isRefused wants a problem document of one of the statuses.
func (a *API) isRefused(e Exchange, statuses ...int) error {
	if !slices.Contains(statuses, e.Status) {
		return fmt.Errorf("the document has no %s %s, yet it is answered by %d", e.Method, e.Target, e.Status)
	}
	if e.Method == http.MethodHead {
		return nil
	}
	return valid(a.problem, []byte(e.Answer))
}

// check holds an answer to its description.
func (r *response) check(e Exchange) error {
	for name, must := range r.headers {
		if must && e.Header.Get(name) == "" {
			return fmt.Errorf("no header %s", name)
		}
	}
	if len(r.media) == 0 {
		if e.Answer != "" {
			return fmt.Errorf("a body where there is none: %.200s", e.Answer)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(e.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("the media type: %w", err)
	}
	c, ok := r.media[media]
	switch {
	case !ok:
		return fmt.Errorf("no %s is described", media)
	case e.Method == http.MethodHead || !c.isJSON:
		return nil
	}
	if err := valid(c.schema, []byte(e.Answer)); err != nil {
		return fmt.Errorf("%w\nin %.2000s", err, e.Answer)
	}
	return nil
}

// checkQuery holds a query that was taken to the parameters. Others are ignored, as the
// server does.
func (op *operation) checkQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	for _, p := range op.query {
		text := values.Get(p.name)
		switch {
		case !values.Has(p.name) && p.required:
			return fmt.Errorf("taken without the parameter %s", p.name)
		case !values.Has(p.name):
		case p.isText:
			err = p.schema.Validate(text)
		default:
			err = valid(p.schema, []byte(text))
		}
		if err != nil {
			return fmt.Errorf("the parameter %s: %w", p.name, err)
		}
	}
	return nil
}

// checkBody holds a body that was taken to its description.
func (op *operation) checkBody(sent string) error {
	switch empty := strings.TrimSpace(sent) == ""; {
	case op.body == nil || empty && !op.needsBody:
		return nil
	case empty:
		return errors.New("taken without a body")
	}
	if err := valid(op.body.schema, []byte(sent)); err != nil {
		return fmt.Errorf("the request's body: %w", err)
	}
	return nil
}
