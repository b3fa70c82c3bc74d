// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Interrupted runs: whatever the moment, resuming gives the very bytes of a run that was left alone.
#include <csignal>
#include <cstring>
#include <fstream>
#include <sys/resource.h>

#include "core/artifact/artifact.h"
#include "core/artifact/quantize_job.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/jobs/measure_sensitivity.h"
#include "core/runtime/calibration.h"
#include "core/sensitivity/backward_pass.h"
#include "core/sensitivity/own_text.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;
using namespace intarsia::test;
namespace fs = std::filesystem;

namespace {

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = read_bytes(entry.path());
  return files;
}

// The same layer, read three rows at a time.
LinearSource in_slabs(const LinearSource& source) {
  LinearSource slabs = source;
  slabs.rows = [&source](std::size_t first, std::size_t count, std::span<float> to) {
    const std::size_t columns = source.shape.columns;
    for (std::size_t row = 0; row < count; row += 3) {
      const std::size_t some = std::min<std::size_t>(3, count - row);
      source.rows(first + row, some, to.subspan(row * columns, some * columns));
    }
  };
  return slabs;
}

// Files larger than `bytes` cannot be written while it lives: a full disk, as far as the writer can tell.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

} // namespace

class TestResume : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path path(const std::string& name) const { return fs::path(folder_.path().toStdString()) / name; }
  std::unique_ptr<Checkpoint> checkpoint_;
  Plan plan_;
  std::map<std::string, std::string> whole_; // of a run that was left alone

  // Runs until `layers` layers are done, then cancels.
  void interrupt(const Checkpoint& checkpoint, const Plan& plan, std::size_t layers, std::uint64_t seed = 1) {
    fs::remove_all(path("out"));
    fs::remove_all(path("out.partial"));
    std::stop_source stop;
    QuantizeOptions options;
    options.seed = seed;
    std::size_t done = 0;
    options.on_layer = [&](const LayerDone&) {
      if (++done == layers) stop.request_stop();
    };
    if (layers == 0) stop.request_stop();
    const auto run = [&] {
      quantize_model(checkpoint, plan, path("out"), options, {nullptr, stop.get_token()});
    };
    QCOMPARE(error_of(run), std::string("cancelled"));
    QVERIFY(fs::exists(path("out.partial")));
    QVERIFY(!fs::exists(path("out")));
  }

  // Resumes; returns how many layers were taken over.
  std::size_t resume() {
    QuantizeOptions options;
    options.resume = true;
    std::size_t resumed = 0;
    options.on_layer = [&](const LayerDone& layer) { resumed += layer.resumed ? 1 : 0; };
    quantize_model(*checkpoint_, plan_, path("out"), options, {});
    return resumed;
  }

  static QuantizeOptions calibrated() {
    QuantizeOptions options;
    options.calibration.emplace();
    options.calibration->tokens = 512;
    return options;
  }

  void remove_texts() {
    for (const auto& entry : fs::directory_iterator(path("model")))
      if (entry.path().filename().string().starts_with("intarsia-text")) fs::remove(entry.path());
  }

  void verify_whole() {
    const auto files = contents(path("out"));
    QCOMPARE(files.size(), whole_.size());
    for (const auto& [name, bytes] : whole_) QVERIFY2(files.at(name) == bytes, name.c_str());
    QVERIFY(!fs::exists(path("out.partial")));
  }

 private slots:
  void initTestCase() {
    write_tiny_model(path("model"));
    checkpoint_ = open_checkpoint(path("model"));
    plan_ = mixed_plan(checkpoint_->graph());
    quantize_model(*checkpoint_, plan_, path("alone"), {}, {});
    whole_ = contents(path("alone"));
  }

  void resumes_after_any_layer() {
    const std::size_t layers = checkpoint_->graph().linears.size();
    for (std::size_t stop = 0; stop < layers; ++stop) {
      interrupt(*checkpoint_, plan_, stop);
      QCOMPARE(resume(), stop);
      verify_whole();
    }
  }

  // A kill tears the journal's last line: every length of the journal must do.
  void resumes_from_any_part_of_the_journal() {
    interrupt(*checkpoint_, plan_, checkpoint_->graph().linears.size() - 1);
    fs::rename(path("out.partial"), path("kept"));
    const std::string journal = read_bytes(path("kept") / "journal");
    for (std::size_t size = 0; size <= journal.size(); size += 1 + journal.size() / 60) {
      fs::remove_all(path("out"));
      fs::remove_all(path("out.partial"));
      fs::copy(path("kept"), path("out.partial"));
      write_file(path("out.partial") / "journal", journal.substr(0, size));
      resume();
      verify_whole();
    }
  }

  // Of a kill in the middle of such a write (core/base/atomic_file.h).
  void temporary_files_of_a_killed_run_do_not_stay() {
    interrupt(*checkpoint_, plan_, 4);
    for (const char* name : {"plan.json.new-a1B2c3", "calibration.json.new-XyZ123"})
      write_file(path("out.partial") / name, "torn");
    QCOMPARE(resume(), std::size_t(4));
    verify_whole();
  }

  // Killed after everything was written, before the folder got its name.
  void resumes_before_the_rename() {
    interrupt(*checkpoint_, plan_, checkpoint_->graph().linears.size() - 1);
    const std::string journal = read_bytes(path("out.partial") / "journal");
    resume();
    fs::rename(path("out"), path("out.partial"));
    write_file(path("out.partial") / "journal", journal);
    QCOMPARE(resume(), checkpoint_->graph().linears.size() - 1);
    verify_whole();
  }

  void damaged_tensors_are_done_again() {
    interrupt(*checkpoint_, plan_, 5);
    std::string bytes = read_bytes(path("out.partial") / "model.safetensors");
    for (std::size_t i = bytes.size() / 2; i < bytes.size(); i += 97) bytes[i] = char(~bytes[i]);
    write_file(path("out.partial") / "model.safetensors", bytes);
    QVERIFY(resume() < 5);
    verify_whole();
  }

  void nothing_is_taken_from_another_run() {
    Plan other = plan_;
    other.layers.begin()->second.quantizer = parse_quantizer_id("nuq-2");
    interrupt(*checkpoint_, other, 4); // another plan
    QCOMPARE(resume(), std::size_t(0));
    verify_whole();
    interrupt(*checkpoint_, plan_, 4, 7); // another seed
    QCOMPARE(resume(), std::size_t(0));
    verify_whole();
    TinyModel twin; // other weights in the same shapes
    twin.seed = 99;
    write_tiny_model(path("twin"), twin);
    interrupt(*open_checkpoint(path("twin")), plan_, 4);
    write_file(path("out.partial") / "tokenizer.json", "of the other model");
    QCOMPARE(resume(), std::size_t(0));
    verify_whole();
  }

  void one_writer_at_a_time() {
    fs::remove_all(path("out"));
    std::string second;
    QuantizeOptions options;
    options.on_layer = [&](const LayerDone&) {
      if (second.empty())
        second = error_of([&] { quantize_model(*checkpoint_, plan_, path("out"), {}, {}); });
    };
    quantize_model(*checkpoint_, plan_, path("out"), options, {});
    QVERIFY2(second.find("another run is writing") != std::string::npos, second.c_str());
    verify_whole();
  }

  void an_existing_name_is_not_touched() {
    fs::remove_all(path("out"));
    write_file(path("out"), "mine");
    const std::string error = error_of([&] { quantize_model(*checkpoint_, plan_, path("out"), {}, {}); });
    QVERIFY2(error.find("exists already") != std::string::npos, error.c_str());
    QCOMPARE(read_bytes(path("out")), std::string("mine"));
    QVERIFY(!fs::exists(path("out.partial")));
    fs::remove(path("out"));
  }

  void a_full_disk_is_named_and_can_be_resumed() {
    fs::remove_all(path("out"));
    std::string error;
    {
      const FileSizeLimit limit(4096);
      error = error_of([&] { quantize_model(*checkpoint_, plan_, path("out"), {}, {}); });
    }
    QVERIFY2(error.find("out.partial") != std::string::npos &&
                 error.find("cannot be written") != std::string::npos,
             error.c_str());
    QVERIFY(!fs::exists(path("out")));
    resume();
    verify_whole();
  }

  // Another encoder than the CPU's codes all layers, however it asks for their rows.
  void a_given_encoder_codes_every_layer() {
    fs::remove_all(path("out"));
    std::vector<std::string> asked, planned;
    for (const LinearLayer& layer : checkpoint_->graph().linears) planned.push_back(layer.name);
    QuantizeOptions options;
    options.encode = [&](const LinearSource& source, const JobControl& control) {
      asked.push_back(source.name);
      QuantizedLinear layer = quantize_linear(in_slabs(source), control);
      layer.distortion = 0.25; // to be told from the CPU's
      return layer;
    };
    quantize_model(*checkpoint_, plan_, path("out"), options, {});
    QVERIFY(asked == planned);
    QVERIFY(read_bytes(path("out") / "model.safetensors") == whole_.at("model.safetensors"));
    const auto artifact = open_artifact(path("out"));
    for (const std::string& name : planned) QCOMPARE(artifact->layer_distortion(name), 0.25);
  }

  void a_given_encoder_is_told_of_the_calibration() {
    fs::remove_all(path("out"));
    QuantizeOptions options = calibrated();
    quantize_model(*checkpoint_, plan_, path("weighed"), options, {});
    options.encode = [](const LinearSource& source, const JobControl& control) {
      const bool codes_itself = source.quantizer.family != QuantizerFamily::f16;
      if ((source.hessian != nullptr) != codes_itself) throw std::runtime_error(source.name);
      return quantize_linear(in_slabs(source), control);
    };
    QCOMPARE(error_of([&] { quantize_model(*checkpoint_, plan_, path("out"), options, {}); }), std::string());
    QVERIFY(contents(path("out")) == contents(path("weighed")));
  }

  // Stopped at the n-th report of each stage: resuming gives what a run that was left alone gives.
  void a_calibrated_run_resumes_in_every_stage() {
    QuantizeOptions whole_options = calibrated();
    whole_options.calibration->tokens = 2048; // goes through a block in two chunks
    quantize_model(*checkpoint_, plan_, path("calibrated"), whole_options, {});
    const auto whole = contents(path("calibrated"));
    QVERIFY(whole.at("model.safetensors") != whole_.at("model.safetensors"));
    for (const std::string stage : {"sampling texts", "calibrating: which tokens matter",
                                    "calibrating: inputs of block 0", "calibrating: inputs of block 1",
                                    "model.layers.0.mlp.down_proj", "model.layers.1.self_attn.k_proj"})
      for (const int report : {1, 2}) {
        fs::remove_all(path("out"));
        fs::remove_all(path("out.partial"));
        if (stage.starts_with("sampling") || stage.ends_with("matter")) remove_texts();
        std::stop_source stop;
        int reports = 0;
        double last = 0;
        const auto watch = [&](const Progress& progress) {
          if (progress.done < last || progress.done > progress.total * 1.0001)
            throw std::logic_error(progress.stage);
          last = progress.done;
          if (progress.stage == stage && ++reports == report) stop.request_stop();
        };
        QuantizeOptions options = whole_options;
        QCOMPARE(error_of([&] {
                   quantize_model(*checkpoint_, plan_, path("out"), options, {watch, stop.get_token()});
                 }),
                 std::string("cancelled"));
        QVERIFY2(reports >= report, stage.c_str());
        options.resume = true;
        std::size_t resumed = 0;
        options.on_layer = [&](const LayerDone& layer) { resumed += layer.resumed ? 1 : 0; };
        quantize_model(*checkpoint_, plan_, path("out"), options, {});
        QCOMPARE(resumed > 0, stage.starts_with("model.") || stage.ends_with("block 1"));
        QVERIFY2(contents(path("out")) == whole, stage.c_str());
      }
  }

  // All of the text, or its beginning: no sequence is written or weighed twice, and nothing else changes.
  void a_calibration_begins_with_the_text_that_a_sensitivity_left() {
    QuantizeOptions options = calibrated();
    options.calibration->tokens = 2048;
    const OpenedModel model = open_model(path("model"));
    for (const std::size_t sequences : {32u, 12u}) {
      remove_texts();
      const auto running = load_on_cpu(model.weights(), cpu_options(model), {});
      SensitivityOptions measured;
      measured.samples = sequences;
      measure_sensitivity_here(*running, model, {}, measured, {}, {});
      const WeighedText left = OwnTextCache(*checkpoint_, {}, 1).find();
      QCOMPARE(left.sequences.size(), std::size_t(sequences));
      QCOMPARE(left.gradients.tokens(), std::size_t(sequences * 64));
      std::map<std::string, std::size_t> stages;
      double last = 0;
      const auto watch = [&](const Progress& progress) {
        if (progress.done < last || progress.done > progress.total * 1.0001)
          throw std::logic_error(progress.stage);
        last = progress.done;
        ++stages[progress.stage];
      };
      fs::remove_all(path("out"));
      quantize_model(*checkpoint_, plan_, path("out"), options, {watch, {}});
      QCOMPARE(stages.contains("sampling texts"), sequences < 32);
      QCOMPARE(stages.contains("calibrating: which tokens matter"), sequences < 32);
      QCOMPARE(OwnTextCache(*checkpoint_, {}, 1).find().sequences.size(), std::size_t(32));
      const auto with = contents(path("out"));
      remove_texts();
      fs::remove_all(path("out"));
      quantize_model(*checkpoint_, plan_, path("out"), options, {});
      QVERIFY(contents(path("out")) == with);
    }
  }

  // More is there than is wanted, so the text is cut and its sums are measured anew; or less than is wanted
  // and all that jobs share. Both are the job's own, and resuming neither writes nor weighs them again.
  void a_text_that_jobs_do_not_share_is_kept_until_the_artifact_is_whole() {
    const std::string weighing = "calibrating: which tokens matter";
    for (const std::size_t tokens : {std::size_t(1024), OwnTextCache::shared_tokens + 64}) {
      QuantizeOptions options = calibrated();
      options.calibration->tokens = 2048;
      remove_texts();
      fs::remove_all(path("out"));
      quantize_model(*checkpoint_, plan_, path("out"), options, {});
      options.calibration->tokens = tokens;
      std::stop_source stop;
      std::map<std::string, std::size_t> stages;
      const auto watch = [&](const Progress& progress) {
        ++stages[progress.stage];
        if (progress.stage == "calibrating: inputs of block 0") stop.request_stop();
      };
      fs::remove_all(path("out"));
      QCOMPARE(error_of([&] {
                 quantize_model(*checkpoint_, plan_, path("out"), options, {watch, stop.get_token()});
               }),
               std::string("cancelled"));
      QVERIFY(stages.contains(weighing));
      QCOMPARE(OwnTextCache(*checkpoint_, {}, 1).find().sequences.size(), std::size_t(32));
      stages.clear();
      options.resume = true;
      quantize_model(*checkpoint_, plan_, path("out"), options, {watch, {}});
      QVERIFY(!stages.contains(weighing) && !stages.contains("sampling texts"));
      const auto resumed = contents(path("out"));
      QVERIFY(!resumed.contains("text"));
      remove_texts();
      fs::remove_all(path("out"));
      options.resume = false;
      quantize_model(*checkpoint_, plan_, path("out"), options, {});
      QVERIFY(contents(path("out")) == resumed);
    }
  }

  void an_artifact_says_what_it_was_calibrated_on() {
    const auto record = [&](const QuantizeOptions& options) {
      fs::remove_all(path("out"));
      quantize_model(*checkpoint_, plan_, path("out"), options, {});
      return read_json_file(path("out") / "artifact.json")["calibration"];
    };
    QCOMPARE(record({})["text"].get<std::string>(), std::string("none"));
    QuantizeOptions options = calibrated();
    std::size_t layers = 0;
    options.on_layer = [&](const LayerDone& layer) {
      const bool plain = layer.quantizer.family == QuantizerFamily::f16;
      if (layer.proxy_loss.has_value() == plain) throw std::logic_error(layer.name);
      ++layers;
    };
    const Json own = record(options);
    QCOMPARE(layers, checkpoint_->graph().linears.size());
    QCOMPARE(own["text"].get<std::string>(), std::string("own"));
    QCOMPARE(own["tokens"].get<std::size_t>(), std::size_t(512));
    QCOMPARE(own["seed"].get<std::size_t>(), std::size_t(1));
    QVERIFY(!own.contains("notes"));
    for (int i = 0; i < 700; ++i) options.calibration->text.push_back(i * i % 61);
    options.calibration->name = "mine.txt";
    const Json given = record(options);
    QCOMPARE(given["text"].get<std::string>(), std::string("file"));
    QCOMPARE(given["file"].get<std::string>(), std::string("mine.txt"));
    open_artifact(path("out"))->verify({});
    options.calibration->text.resize(100);
    fs::remove_all(path("out"));
    QVERIFY(error_of([&] {
              quantize_model(*checkpoint_, plan_, path("out"), options, {});
            }).find("100 tokens") != std::string::npos);
  }

  // Whatever stands in the way, there is an artifact in the end, and it says what was done.
  void what_cannot_be_calibrated_is_said() {
    std::vector<std::string> notes;
    QuantizeOptions options = calibrated();
    options.on_note = [&](const std::string& note) { notes.push_back(note); };
    const auto run = [&](const Checkpoint& checkpoint) {
      fs::remove_all(path("out"));
      notes.clear();
      quantize_model(checkpoint, plan_, path("out"), options, {});
      const Json record = read_json_file(path("out") / "artifact.json")["calibration"];
      if (record.value("notes", std::vector<std::string>()) != notes) throw std::logic_error("other notes");
      return record;
    };
    options.memory = 1; // not even to sample
    remove_texts();
    QCOMPARE(run(*checkpoint_)["text"].get<std::string>(), std::string("none"));
    QVERIFY(notes.size() == 1 && notes[0].find("own text") != std::string::npos);
    QVERIFY(contents(path("out")).at("model.safetensors") == whole_.at("model.safetensors"));
    for (int i = 0; i < 700; ++i) options.calibration->text.push_back(i * i % 61);
    QCOMPARE(run(*checkpoint_)["text"].get<std::string>(), std::string("none"));
    QVERIFY(notes.size() == 1 && notes[0].find("quantized without calibration") != std::string::npos);
    // What just suffices: to calibrate, and to weigh tokens too.
    options.memory = Calibration::bytes(checkpoint_->config(), checkpoint_->graph(), 640) + 16 * 40 * 24;
    const std::uint64_t to_weigh = backward_bytes(checkpoint_->config(), checkpoint_->graph(), 64);
    QVERIFY(options.memory < to_weigh);
    QCOMPARE(run(*checkpoint_)["text"].get<std::string>(), std::string("file"));
    QVERIFY(notes.size() == 1 && notes[0].find("tokens weigh alike") != std::string::npos);
    options.memory = to_weigh;
    QCOMPARE(run(*checkpoint_)["text"].get<std::string>(), std::string("file"));
    QCOMPARE(notes.size(), std::size_t(0));
  }

  void activations_that_are_not_finite_cost_feedback_only() {
    fs::remove_all(path("burst"));
    fs::copy(path("model"), path("burst"));
    std::string bytes = read_bytes(path("burst") / "model.safetensors");
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    const Json tensors = Json::parse(bytes.substr(8, header));
    const auto at =
        tensors["model.layers.1.post_attention_layernorm.weight"]["data_offsets"][0].get<std::size_t>();
    const float huge = 3e38f;
    std::memcpy(bytes.data() + 8 + header + at, &huge, 4);
    write_file(path("burst") / "model.safetensors", bytes);
    QuantizeOptions options = calibrated();
    for (int i = 0; i < 700; ++i) options.calibration->text.push_back(i * i % 61);
    std::map<std::string, bool> with_feedback;
    options.on_layer = [&](const LayerDone& layer) {
      with_feedback[layer.name] = layer.proxy_loss.has_value();
    };
    std::vector<std::string> notes;
    options.on_note = [&](const std::string& note) { notes.push_back(note); };
    fs::remove_all(path("out"));
    quantize_model(*open_checkpoint(path("burst")), plan_, path("out"), options, {});
    QVERIFY(with_feedback.at("model.layers.1.self_attn.q_proj") ||
            plan_.layers.at("model.layers.1.self_attn.q_proj").quantizer.family == QuantizerFamily::f16);
    QVERIFY(!with_feedback.at("model.layers.1.mlp.gate_proj") &&
            !with_feedback.at("model.layers.1.mlp.down_proj"));
    QCOMPARE(notes.size(), std::size_t(2));
    QVERIFY(notes[0].find("gradients that tell them apart are not finite") != std::string::npos);
    QVERIFY(notes[1].find("model.layers.1.mlp") != std::string::npos);
  }

  // A device that fails, whatever it throws: the CPU, or a sound device, goes on.
  void a_failed_encoder_leaves_what_can_be_resumed() {
    const Error lost(ErrorKind::internal, "CUDA failed"), full(ErrorKind::resource, "no memory");
    const auto fail = [&](int way) {
      if (way == 0) throw lost;
      if (way == 1) throw full;
      throw std::runtime_error("a driver's own");
    };
    for (const int way : {0, 1, 2}) {
      fs::remove_all(path("out"));
      QuantizeOptions options;
      std::size_t layers = 0;
      options.encode = [&](const LinearSource& source, const JobControl& control) {
        if (layers++ == 5) fail(way);
        return quantize_linear(source, control);
      };
      const std::string error =
          error_of([&] { quantize_model(*checkpoint_, plan_, path("out"), options, {}); });
      QCOMPARE(error, error_of([&] { fail(way); }));
      QVERIFY(!fs::exists(path("out")));
      QCOMPARE(resume(), std::size_t(5));
      verify_whole();
    }
  }

  // The model itself is broken: said by layer, and nothing stays.
  void a_weight_that_is_no_number_leaves_nothing() {
    write_tiny_model(path("broken"));
    std::string bytes = read_bytes(path("broken") / "model.safetensors");
    const auto checkpoint = open_checkpoint(path("model"));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    bytes.replace(bytes.size() - 4 * 64 * 24 - 4, 4, reinterpret_cast<const char*>(&nan),
                  4); // before the head
    write_file(path("broken") / "model.safetensors", bytes);
    const std::string error =
        error_of([&] { quantize_model(*open_checkpoint(path("broken")), plan_, path("none"), {}, {}); });
    QVERIFY2(error.find("model.layers.1.mlp.down_proj") != std::string::npos, error.c_str());
    QVERIFY(!fs::exists(path("none")) && !fs::exists(path("none.partial")));
  }
};

QTEST_GUILESS_MAIN(TestResume)
#include "test_resume.moc"
