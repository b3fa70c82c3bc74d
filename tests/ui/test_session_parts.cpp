// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The parts of the session, each alone with hand-made neighbours and a tiny random model.
#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <semaphore>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/jobs/quantize.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"
#include "ui/session/chat.h"
#include "ui/session/devices.h"
#include "ui/session/file_path.h"
#include "ui/session/latency.h"
#include "ui/session/model_store.h"
#include "ui/session/partial_run.h"
#include "ui/session/planner.h"
#include "ui/session/quantization.h"
#include "ui/session/saved_inputs.h"
#include "ui/session/sensitivities.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr int timeout = 120000; // ms; a slow machine needs longer, no result depends on it

Device processor(const std::string& id, std::uint64_t free) {
  Device device;
  device.id = id;
  device.name = "A processor";
  device.memory_total = device.memory_free = free;
  device.bandwidth = 20e9;
  return device;
}

} // namespace

class TestSessionParts : public QObject {
  Q_OBJECT

  QTemporaryDir dir_;
  std::shared_ptr<const OpenedModel> tiny_;
  QString tiny_path_;
  std::shared_ptr<const ExecutionTarget> here_ =
      std::make_shared<const ExecutionTarget>(processor("cpu", 1 << 30));

 private slots:
  void initTestCase() {
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, dir_.path());
    QCoreApplication::setOrganizationName("IntarsiaTest");
    qputenv("XDG_CACHE_HOME", dir_.filePath("cache").toUtf8());
    tiny_path_ = dir_.filePath("tiny");
    test::TinyModel model;
    model.vocabulary = 300;
    model.tied = true;
    model.max_positions = 512; // room for a conversation
    test::write_tiny_model(to_path(tiny_path_), model);
    test::write_tiny_tokenizer(to_path(tiny_path_), model.vocabulary);
    tiny_ = std::make_shared<const OpenedModel>(open_model(to_path(tiny_path_)));
  }

  // An abandoned or superseded job may go on for a while; nothing that it still says is heard.
  void what_a_superseded_job_says_is_dropped() {
    JobRunner runner;
    std::binary_semaphore go_on(0), has_spoken(0);
    QStringList heard;
    const auto say = [&](const QString& words) { return [&heard, words] { heard << words; }; };
    runner.start([&](const JobControl&, const JobRunner::Post& post) -> JobRunner::Finish {
      go_on.acquire();
      post(say("old layer"));
      has_spoken.release();
      return say("old end");
    });
    runner.start([&](const JobControl&, const JobRunner::Post& post) -> JobRunner::Finish {
      go_on.release();
      has_spoken.acquire(); // the old one has said everything but its end
      post(say("new layer"));
      return say("new end");
    });
    QSignalSpy finished(&runner, &JobRunner::finished);
    QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, timeout);
    QCOMPARE(heard, QStringList({"new layer", "new end"}));
  }

  void what_an_abandoned_job_says_is_dropped() {
    std::binary_semaphore go_on(0);
    QStringList heard;
    {
      JobRunner runner;
      runner.start([&](const JobControl& control, const JobRunner::Post& post) -> JobRunner::Finish {
        go_on.acquire();
        post([&heard] { heard << "layer"; });
        control.report("stage", 1, 1);
        return [&heard] { heard << "end"; };
      });
      connect(&runner, &JobRunner::progressed, this, [&] { heard << "progress"; });
      runner.abandon();
      QVERIFY(!runner.running());
      go_on.release();
    } // joins its thread
    QCoreApplication::processEvents();
    QVERIFY(heard.isEmpty());
  }

  void a_cancelled_job_says_so() {
    TrackedJob job;
    job.start([](const JobControl& control, const JobRunner::Post&) -> JobRunner::Finish {
      while (true) control.throw_if_stopped();
    });
    QCOMPARE(job.status().state, JobState::running);
    job.cancel();
    QTRY_COMPARE_WITH_TIMEOUT(job.status().state, JobState::cancelled, timeout);
    QVERIFY(!job.running());
  }

  void time_left_leaves_out_what_took_no_time() {
    TrackedJob job;
    std::binary_semaphore go_on(0);
    job.start([&](const JobControl& control, const JobRunner::Post& post) -> JobRunner::Finish {
      control.report("half is there already", 50, 100);
      post([&job] { job.skip_what_is_done(); });
      go_on.acquire();
      control.report("a little was done", 50.01, 100);
      return {};
    });
    QTRY_VERIFY_WITH_TIMEOUT(job.status().done >= 50 && job.status().seconds_left < 0,
                             timeout); // not known yet
    go_on.release();
    QTRY_COMPARE_WITH_TIMEOUT(job.status().state, JobState::done, timeout);
  }

  void a_model_is_opened_and_a_missing_one_is_a_sentence() {
    ModelStore store;
    QSignalSpy changed(&store, &ModelStore::changed), failed(&store, &ModelStore::failed);
    store.open(tiny_path_);
    QTRY_COMPARE_WITH_TIMEOUT(changed.count(), 1, timeout);
    QVERIFY(store.has_weights() && !store.is_artifact() && !store.is_built_in());
    store.open("/nowhere/at/all");
    QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, timeout);
    QVERIFY(failed[0][0].toString().contains("/nowhere/at/all"));
    QCOMPARE(store.path(), tiny_path_); // the one before is still open
  }

  void what_was_decided_is_there_again() {
    PlanInputs inputs;
    inputs.memory = ModelFraction{0.4};
    inputs.context = 77;
    inputs.families = {QuantizerFamily::vq};
    inputs.pins["a.layer"] = parse_quantizer_id("tcq-3.25");
    inputs.forbidden["another"] = {parse_quantizer_id("nuq-2"), parse_quantizer_id("f16")};
    save_inputs("/some/model", inputs);
    QVERIFY(saved_inputs("/some/model") == inputs);
    inputs.memory = MemoryBytes{123456789012};
    save_inputs("/some/model", inputs);
    QVERIFY(saved_inputs("/some/model") == inputs);
    QVERIFY(!saved_inputs("/another/model"));
  }

  void the_best_bandwidth_ever_measured_is_the_machines() {
    double measured = 30e9;
    const auto find = [&] {
      DeviceList list{{processor("cpu", 1 << 30)}, ""};
      list.devices[0].bandwidth = measured;
      return list;
    };
    const auto bandwidth = [&] {
      Devices devices(find);
      QSignalSpy listed(&devices, &Devices::listed);
      devices.look();
      listed.wait(timeout);
      return devices.device().bandwidth;
    };
    QCOMPARE(bandwidth(), 30e9);
    measured = 8e9; // the machine is busy
    QCOMPARE(bandwidth(), 30e9);
    measured = 40e9;
    QCOMPARE(bandwidth(), 40e9);
  }

  // One thing: whose memory and whose time.
  void the_target_of_a_plan_is_one_device() {
    Latency latency;
    latency.set_device(processor("cpu", 1000), here_);
    latency.set_model(tiny_);
    QVERIFY(latency.target().here);
    QCOMPARE(latency.target().memory_free, std::uint64_t(1000));
    const auto planned = Latency::planned_devices();
    QVERIFY(!planned.empty());
    QSignalSpy changed(&latency, &Latency::table_changed);
    latency.plan_for(planned.front().file);
    QCOMPARE(changed.count(), 1);
    QVERIFY(latency.estimated() && !latency.target().here);
    QCOMPARE(latency.target().name, planned.front().name);
    QCOMPARE(latency.target().memory_free, latency.table()->device_memory);
    const QString file = dir_.filePath("table.json");
    latency.save(file);
    latency.plan_for_this_device();
    QVERIFY(latency.target().here && !latency.table());
    latency.import_table(file);
    QVERIFY(!latency.target().here);
    QCOMPARE(latency.target().name, planned.front().name);
    QSignalSpy failed(&latency, &Latency::failed);
    latency.import_table(dir_.filePath("none.json"));
    QCOMPARE(failed.count(), 1);
    QVERIFY(latency.table().has_value()); // what was there stays
  }

  void sensitivities_are_there_at_once_and_get_better() {
    LoadedModels models;
    Sensitivities sensitivities(models);
    sensitivities.set_target(here_);
    std::vector<SensitivityKind> kinds;
    std::vector<std::size_t> samples;
    connect(&sensitivities, &Sensitivities::changed, this, [&] {
      kinds.push_back(sensitivities.kind());
      samples.push_back(sensitivities.value()->samples);
    });
    sensitivities.set_model(tiny_);
    QCOMPARE(kinds.size(), std::size_t(1)); // before any event: provisional
    QVERIFY(kinds[0] == SensitivityKind::provisional);
    QCOMPARE(sensitivities.value()->method, std::string("provisional"));
    QTRY_VERIFY_WITH_TIMEOUT(sensitivities.kind() == SensitivityKind::measured, timeout);
    QVERIFY(kinds.size() > 3 && kinds[1] == SensitivityKind::partial);
    QCOMPARE(samples[1], estimate_steps(SensitivityOptions().samples).front());
    QVERIFY(std::is_sorted(samples.begin(), samples.end()));
    QCOMPARE(samples.back(), SensitivityOptions().samples);
    QTRY_VERIFY_WITH_TIMEOUT(!sensitivities.measuring(), timeout);
    QVERIFY(models.original.model != nullptr);

    LoadedModels others;
    Sensitivities again(others); // remembered
    again.set_target(here_);
    again.set_model(tiny_);
    QTRY_VERIFY_WITH_TIMEOUT(again.kind() == SensitivityKind::measured, timeout);
    QVERIFY(!others.original);
    QVERIFY(again.value()->layers == sensitivities.value()->layers);
  }

  void what_is_good_enough_is_remembered() {
    const QString path = dir_.filePath("other");
    test::TinyModel model;
    model.seed = 5;
    test::write_tiny_model(to_path(path), model);
    const auto opened = std::make_shared<const OpenedModel>(open_model(to_path(path)));
    const SensitivityOptions many{4096, 64,
                                  1}; // so many that all are never read before the first are heard of
    LoadedModels models;
    Sensitivities sensitivities(models);
    sensitivities.set_target(here_);
    sensitivities.set_options(many);
    connect(&sensitivities, &Sensitivities::changed, this, [&] {
      if (sensitivities.kind() == SensitivityKind::partial) sensitivities.settle();
    });
    sensitivities.set_model(opened);
    QTRY_VERIFY_WITH_TIMEOUT(sensitivities.kind() == SensitivityKind::measured, timeout);
    const std::size_t samples = sensitivities.value()->samples;
    QVERIFY(samples >= 256 && samples < 4096);
    QVERIFY(!sensitivities.measuring());
    LoadedModels others;
    Sensitivities again(others);
    again.set_target(here_);
    again.set_options(many);
    again.set_model(opened);
    QTRY_VERIFY_WITH_TIMEOUT(again.kind() == SensitivityKind::measured, timeout);
    QCOMPARE(again.value()->samples, samples);
  }

  void a_quantization_is_taken_up_with_its_own_plan() {
    LoadedModels models;
    Quantization quantization(models);
    quantization.set_target(here_);
    quantization.set_model(tiny_, tiny_path_);
    const Plan plan = test::mixed_plan(tiny_->graph());
    const QString out = dir_.filePath("interrupted");
    leave_interrupted(plan, {CalibrateOn::none, {}, 512}, "model.layers.1.mlp.down_proj", out);
    QVERIFY(has_partial_run(out));
    const auto left = partial_plan(out, tiny_.get());
    QVERIFY(left.has_value());
    for (const auto& [name, layer] : plan.layers) QVERIFY(left->layers.at(name).quantizer == layer.quantizer);
    QSignalSpy made(&quantization, &Quantization::made);
    quantization.resume(out);
    QTRY_COMPARE_WITH_TIMEOUT(made.count(), 1, timeout);
    QCOMPARE(quantization.artifact()->path, out);
    QVERIFY(models.quantized.model != nullptr);
    QVERIFY(!partial_plan(out, tiny_.get()));
  }

  // What the studio's job leaves when Cancel reaches it in the stage `stage`. The stop is asked for by the
  // job's own thread: a click comes when it comes, and a tiny model may be done by then.
  void leave_interrupted(const Plan& plan, const Calibration& calibration, const std::string& stage,
                         const QString& out) {
    std::stop_source stop;
    const JobControl control{[&](const Progress& progress) {
                               if (progress.stage.starts_with(stage)) stop.request_stop();
                             },
                             stop.get_token()};
    QuantizeOptions options;
    options.calibration = calibration_choice(calibration, tiny_->tokenizer.get());
    save_calibration(out, calibration);
    QVERIFY_THROWS_EXCEPTION(Error, quantize(*here_, *tiny_, plan, to_path(out), options, control));
    QVERIFY(stop.stop_requested());
  }

  void each_stage_is_taken_up_where_it_was_cancelled() {
    LoadedModels models;
    Quantization quantization(models);
    quantization.set_target(here_);
    quantization.set_model(tiny_, tiny_path_);
    const Calibration own{CalibrateOn::own, {}, 2048};
    const Plan plan = test::mixed_plan(tiny_->graph());
    quantization.set_calibration(own);
    const QString whole = dir_.filePath("whole");
    quantization.quantize(plan, whole);
    QTRY_COMPARE_WITH_TIMEOUT(quantization.job().state, JobState::done, timeout);
    const std::string expected = read_text_file(to_path(whole) / "model.safetensors");
    const auto remove_texts = [&] { // the model has to write and weigh them again
      std::filesystem::remove_all(to_path(dir_.filePath("cache")));
      for (const auto& entry : std::filesystem::directory_iterator(to_path(tiny_path_)))
        if (entry.path().filename().string().starts_with("intarsia-text"))
          std::filesystem::remove(entry.path());
    };
    quantization.set_calibration({CalibrateOn::none, {}, 512}); // of the next job, not of those taken up
    for (const std::string stage :
         {"sampling texts", "calibrating: which", "calibrating: inputs", "model.layers.1.mlp.down_proj"}) {
      if (stage == "sampling texts" || stage == "calibrating: which") remove_texts();
      const QString out = dir_.filePath(QString::fromStdString("stopped in " + stage).replace(':', '_'));
      leave_interrupted(plan, own, stage, out);
      QVERIFY(has_partial_run(out));
      quantization.resume(out);
      QTRY_COMPARE_WITH_TIMEOUT(quantization.job().state, JobState::done, timeout);
      QVERIFY2(read_text_file(to_path(out) / "model.safetensors") == expected, stage.c_str());
    }
  }

  void a_text_file_calibrates_and_a_missing_one_is_a_sentence() {
    LoadedModels models;
    Quantization quantization(models);
    quantization.set_target(here_);
    quantization.set_model(tiny_, tiny_path_);
    const QString text = dir_.filePath("text.txt");
    std::string words;
    for (int i = 0; i < 400; ++i) words += "word " + std::to_string(i * 7919) + ' ';
    test::write_file(to_path(text), words);
    const auto calibration_of = [](const QString& out) {
      return read_json_file(to_path(out) / "artifact.json").at("calibration");
    };
    const Plan plan = test::mixed_plan(tiny_->graph());
    quantization.set_calibration({CalibrateOn::file, text, 512});
    quantization.quantize(plan, dir_.filePath("by_file"));
    QTRY_COMPARE_WITH_TIMEOUT(quantization.job().state, JobState::done, timeout);
    QCOMPARE(calibration_of(dir_.filePath("by_file")).at("file").get<std::string>(), std::string("text.txt"));
    quantization.set_calibration({CalibrateOn::none, {}, 512});
    quantization.quantize(plan, dir_.filePath("by_none"));
    QTRY_COMPARE_WITH_TIMEOUT(quantization.job().state, JobState::done, timeout);
    QCOMPARE(calibration_of(dir_.filePath("by_none")).at("text").get<std::string>(), std::string("none"));
    quantization.set_calibration({CalibrateOn::file, "/nowhere/text.txt", 512});
    quantization.quantize(plan, dir_.filePath("by_nothing"));
    QTRY_COMPARE_WITH_TIMEOUT(quantization.job().state, JobState::failed, timeout);
    QVERIFY(quantization.job().sentence.contains("/nowhere/text.txt"));
  }

  void the_loss_is_that_of_the_calibration_that_is_chosen() {
    Planner planner;
    planner.set_model(tiny_->config(), tiny_->graph());
    Sensitivity sensitivity;
    for (const LinearLayer* layer : tiny_->graph().all_layers()) {
      sensitivity.layers[layer->name] = 1;
      if (!in_vocabulary(*layer)) sensitivity.feedback[layer->name] = 0.5;
    }
    const auto settle = [&](bool calibrated) {
      return planner.plan() && planner.plan()->predicted.calibrated == calibrated;
    };
    planner.set_sensitivity(sensitivity);
    QTRY_VERIFY_WITH_TIMEOUT(settle(true), timeout);
    const double with = planner.plan()->predicted.loss;
    planner.set_calibrated(false);
    QTRY_VERIFY_WITH_TIMEOUT(settle(false), timeout);
    QVERIFY(planner.plan()->predicted.loss > 1.5 * with);
  }

  void remains_of_another_model_cannot_be_taken_up() {
    LoadedModels models;
    Quantization quantization(models);
    quantization.set_target(here_);
    quantization.set_model(tiny_, tiny_path_);
    const QString out = dir_.filePath("foreign");
    QVERIFY(QDir().mkpath(out + ".partial"));
    test::write_file(to_path(out + ".partial/plan.json"), "{\"format\":\"intarsia-plan/1\",\"layers\":{}}");
    QVERIFY(has_partial_run(out));
    QVERIFY(!partial_plan(out, tiny_.get()));
    QSignalSpy failed(&quantization, &Quantization::failed);
    quantization.resume(out);
    QCOMPARE(failed.count(), 1);
    QVERIFY(!quantization.running());
  }

  void a_conversation_outlives_a_change_of_who_speaks() {
    LoadedModels models;
    Chat chat(models);
    chat.set_target(here_);
    chat.set_original({tiny_path_, "tiny, original"});
    chat.set_quantized({tiny_path_, "tiny at 3 bits"}); // who it is matters here, not how it was made
    ChatSettings settings;
    settings.max_tokens = 4;
    const auto answered = [&](std::size_t turns) {
      return chat.turns().size() == turns && !chat.answering() && chat.turns().back().answer().finished;
    };
    chat.send("one", settings);
    QTRY_VERIFY_WITH_TIMEOUT(answered(1), timeout);
    QVERIFY2(chat.turns()[0].answer().answered, qPrintable(chat.turns()[0].answer().problem));
    chat.choose_speaker(Speaker::quantized);
    QCOMPARE(chat.turns().size(), std::size_t(1));
    chat.send("two", settings);
    QTRY_VERIFY_WITH_TIMEOUT(answered(2), timeout);
    QCOMPARE(chat.turns()[0].answer().model, QString("tiny, original"));
    QCOMPARE(chat.turns()[1].answer().model, QString("tiny at 3 bits"));
    // It was shown what the other said.
    QVERIFY(chat.turns()[1].answer().context_used > chat.turns()[0].answer().context_used);

    chat.regenerate(settings); // and the answer before stays
    QTRY_VERIFY_WITH_TIMEOUT(answered(2) && chat.turns()[1].answers.size() == 2, timeout);
    QCOMPARE(chat.turns()[1].shown, std::size_t(1));
    chat.show_answer(1, 0);
    QCOMPARE(chat.turns()[1].shown, std::size_t(0));
    chat.forget_from(1);
    QCOMPARE(chat.turns().size(), std::size_t(1));
    chat.clear();
    QVERIFY(chat.turns().empty());
  }

  void an_answer_that_fails_is_a_sentence_and_the_next_question_works() {
    LoadedModels models;
    Chat chat(models);
    chat.set_target(here_);
    chat.set_original({dir_.filePath("gone"), "gone"});
    chat.send("one", {});
    QTRY_VERIFY_WITH_TIMEOUT(!chat.answering() && chat.turns().back().answer().finished, timeout);
    QVERIFY(chat.turns().back().answer().problem.contains("gone"));
    QVERIFY(!chat.turns().back().answer().answered);
    chat.set_original({tiny_path_, "tiny"});
    QVERIFY(chat.turns().empty()); // another model's conversation
    ChatSettings settings;
    settings.max_tokens = 2;
    chat.send("two", settings);
    QTRY_VERIFY_WITH_TIMEOUT(!chat.answering() && chat.turns().back().answer().answered, timeout);
  }
};

QTEST_GUILESS_MAIN(TestSessionParts)
#include "test_session_parts.moc"
