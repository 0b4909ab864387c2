; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @end_batch(ptr noalias noundef align 8 captures(none) dereferenceable(216) initializes((112, 128)) %v1, i64 noundef %v2, i64 noundef %v3, i64 noundef %v4) unnamed_addr {
b0:
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 112
  store i64 %v2, ptr %v5, align 8
  %v6 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v7 = load i64, ptr %v6, align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v9 = add i64 %v7, %v3
  store i64 %v9, ptr %v8, align 8
  %v10 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v11, ptr noundef nonnull align 8 dereferenceable(24) %v10, i64 24, i1 false)
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v13 = load i64, ptr %v12, align 8
  %v14 = add i64 %v13, %v4
  store i64 %v14, ptr %v12, align 8
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 72
  %v16 = load i64, ptr %v15, align 8
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 104
  %v18 = load i64, ptr %v17, align 8
  %v19 = add i64 %v18, %v16
  store i64 %v19, ptr %v17, align 8
  %v20 = getelementptr inbounds nuw i8, ptr %v1, i64 152
  %v21 = load i64, ptr %v20, align 8
  %v22 = getelementptr inbounds nuw i8, ptr %v1, i64 212
  %v23 = load i8, ptr %v22, align 4
  %v24 = trunc nuw i8 %v23 to i1
  %v25 = sub i64 %v2, %v21
  %v26 = select i1 %v24, i64 -1, i64 4294967295
  %v27 = and i64 %v26, %v25
  %v28 = getelementptr inbounds nuw i8, ptr %v1, i64 160
  %v29 = load i64, ptr %v28, align 8
  %v30 = icmp ult i64 %v27, %v29
  br i1 %v30, label %b6, label %b1
b1:
  %v31 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v32 = load i64, ptr %v31, align 8
  %v33 = icmp eq i64 %v32, %v2
  %v34 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  %v35 = load i64, ptr %v34, align 8
  %v36 = load i64, ptr %v11, align 8
  %v37 = select i1 %v33, i64 %v35, i64 %v36
  %v38 = sub i64 %v2, %v37
  %v39 = and i64 %v38, %v26
  %v40 = icmp ugt i64 %v39, %v29
  %v41 = select i1 %v40, i64 %v2, i64 %v37
  %v42 = and i64 %v41, %v26
  %v43 = icmp eq i64 %v21, %v42
  br i1 %v43, label %b6, label %b2
b2:
  %v44 = getelementptr inbounds nuw i8, ptr %v1, i64 184
  %v45 = load ptr, ptr %v44, align 8
  br i1 %v24, label %b3, label %b4
b3:
  store atomic i64 %v42, ptr %v45 release, align 8
  br label %b5
b4:
  %v46 = trunc i64 %v41 to i32
  store atomic i32 %v46, ptr %v45 release, align 4
  br label %b5
b5:
  store i64 %v42, ptr %v20, align 8
  br label %b6
b6:
  ret void
}
