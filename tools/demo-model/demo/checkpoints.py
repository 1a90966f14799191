"""Writes trained models in the service's formats: with the same file and tensor names as the real models, but small dimensions."""
import json
import os
from collections import OrderedDict
import torch
from . import codes, prompt, tokenizer
from .nets import dac, hubert, llama

STAGE1_NAME, STAGE2_NAME, CODEC_NAME = "YuE-s1-demo", "YuE-s2-demo", "xcodec_mini_infer"
_SMALL = 4096                                   # tensors with fewer values stay in float32


def write_llama(model, used, folder):
    """Writes config.json, generation_config.json and model.safetensors in bfloat16."""
    from safetensors.torch import save_file
    os.makedirs(folder, exist_ok=True)
    tensors = {name: value.detach().cpu().to(torch.bfloat16).contiguous() for name, value in model.state_dict().items()}
    rows = torch.zeros(model.config.vocabulary, model.config.hidden, dtype=torch.bfloat16)
    rows[torch.as_tensor(used.ids)] = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = rows
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    _write_json(folder, "config.json", _llama_config(model.config))
    _write_json(folder, "generation_config.json", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "transformers_version": "4.48.1"})


def read_llama(model, used, folder):
    """Loads the weights written by write_llama into a model."""
    from safetensors.torch import load_file
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"][torch.as_tensor(used.ids)]
    model.load_state_dict(tensors)


def write_tokenizer(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(tokenizer.model_proto())


def _llama_config(c):
    return {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
        "head_dim": llama.HEAD, "hidden_act": "silu", "hidden_size": c.hidden, "initializer_range": 0.02, "intermediate_size": c.inner,
        "max_position_embeddings": c.positions, "mlp_bias": False, "model_type": "llama", "num_attention_heads": c.heads,
        "num_hidden_layers": c.layers, "num_key_value_heads": c.key_heads, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": None,
        "rope_theta": llama.THETA, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.48.1", "use_cache": True,
        "vocab_size": c.vocabulary}


def _write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def _stored(value):
    value = value.detach().cpu().float()
    return value.clone() if value.numel() < _SMALL else value.half()


def _weight_normed(state, prefixes):
    """Replaces the weights of convolutions with gain and direction, where the direction is the weight itself."""
    out = OrderedDict()
    for name, value in state.items():
        position = name == "semantic_model.encoder.pos_conv_embed.conv.weight"
        if position or (name.startswith(prefixes) and name.endswith(".weight")):
            others = (0, 1) if position else (1, 2)
            direction = _stored(value)
            out[name + "_g"] = direction.float().square().sum(others, keepdim=True).sqrt()
            out[name + "_v"] = direction
        else:
            out[name] = _stored(value)
    return out


def write_codec(model, folder):
    """Writes the subfolders final_ckpt and semantic_ckpts of the codec's folder."""
    state = _weight_normed(model.state_dict(), ("encoder.", "decoder_2."))
    for k, rows in enumerate(torch.as_tensor(codes.codebooks())):
        name = f"quantizer.vq.layers.{k}._codebook."
        embed = rows.half()
        state.update({name + "inited": torch.ones(1), name + "cluster_size": torch.ones(codes.CODES), name + "embed": embed, name + "embed_avg": embed})
    os.makedirs(os.path.join(folder, "final_ckpt"), exist_ok=True)
    torch.save({"codec_model": state}, os.path.join(folder, "final_ckpt", "ckpt_00360000.pth"))
    bandwidths = [0.5, 1, 1.5, 2, 4]            # the last one is enough for eight codebooks
    with open(os.path.join(folder, "final_ckpt", "config.yaml"), "w") as file:
        file.write(_yaml({"generator": {"name": "SoundStream", "config": {
            "n_filters": 32, "D": model.latent, "target_bandwidths": bandwidths, "ratios": list(dac.RATIOS), "sample_rate": 16000, "bins": codes.CODES}}}))
    c = model.hubert_config
    _write_json(os.path.join(folder, "semantic_ckpts", "hf_1_325000"), "config.json", {
        "architectures": ["HubertModel"], "model_type": "hubert", "hidden_size": c["size"], "num_hidden_layers": c["layers"],
        "num_attention_heads": c["heads"], "intermediate_size": c["inner"], "conv_dim": [c["conv"]] * 7, "conv_kernel": list(hubert.KERNELS),
        "conv_stride": list(hubert.STRIDES), "conv_bias": False, "feat_extract_norm": "group", "feat_extract_activation": "gelu",
        "feat_proj_layer_norm": True, "do_stable_layer_norm": False, "hidden_act": "gelu", "layer_norm_eps": 1e-05,
        "num_conv_pos_embeddings": hubert.POSITION_KERNEL, "num_conv_pos_embedding_groups": hubert.POSITION_GROUPS})


def read_codec(model, folder):
    """Loads the weights written by write_codec into a codec."""
    stored = torch.load(os.path.join(folder, "final_ckpt", "ckpt_00360000.pth"), map_location="cpu")["codec_model"]
    state = {}
    for name, value in stored.items():
        value = value.float()
        if name.endswith(".weight_v"):
            gain = stored[name[:-1] + "g"].float()
            others = [axis for axis, size in enumerate(gain.shape) if size == 1]
            state[name.removesuffix("_v")] = value * (gain / value.square().sum(others, keepdim=True).sqrt())
        elif not name.endswith(".weight_g") and not name.startswith("quantizer."):
            state[name] = value
    model.load_state_dict(state)


def write_vocoders(vocal, instrumental, folder):
    """Writes both vocoders into the subfolder decoders of the codec's folder."""
    folder = os.path.join(folder, "decoders")
    os.makedirs(folder, exist_ok=True)
    for name, model in (("decoder_131000", vocal), ("decoder_151000", instrumental)):
        torch.save(OrderedDict((key, _stored(value)) for key, value in model.state_dict().items()), os.path.join(folder, f"{name}.pth"))
    size, inputs, _ = vocal.backbone.embed.weight.shape
    with open(os.path.join(folder, "config.yaml"), "w") as file:
        file.write(_yaml({
            "backbone": {"class_path": "vocos.models.VocosBackbone", "init_args": {
                "input_channels": inputs, "dim": size, "intermediate_dim": vocal.backbone.convnext[0].pwconv1.out_features, "num_layers": len(vocal.backbone.convnext)}},
            "head": {"class_path": "vocos.heads.ISTFTHead", "init_args": {"dim": size, "n_fft": vocal.n_fft, "hop_length": 882, "padding": "same"}}}))


def read_vocoders(vocal, instrumental, folder):
    """Loads the weights written by write_vocoders into vocoders."""
    for name, model in (("decoder_131000", vocal), ("decoder_151000", instrumental)):
        stored = torch.load(os.path.join(folder, "decoders", f"{name}.pth"), map_location="cpu")
        model.load_state_dict({key: value.float() for key, value in stored.items()})


def _yaml(value, indent=0):
    out = ""
    for key, item in value.items():
        if isinstance(item, dict):
            out += f"{' ' * indent}{key}:\n{_yaml(item, indent + 2)}"
        elif isinstance(item, list):
            out += f"{' ' * indent}{key}:\n" + "".join(f"{' ' * indent}- {x}\n" for x in item)
        else:
            out += f"{' ' * indent}{key}: {item}\n"
    return out
