; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @produce_rust(ptr noundef nonnull align 8 captures(none) %v1, i64 noundef %v2) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v3 = getelementptr i8, ptr %v1, i64 40
  %v4 = load i32, ptr %v3, align 8
  %v5 = zext i32 %v4 to i64
  %v6 = add nsw i64 %v5, -8
  %v7 = icmp ugt i64 %v6, 7
  br i1 %v7, label %b1, label %b10
b1:
  %v8 = getelementptr i8, ptr %v1, i64 44
  %v9 = load i8, ptr %v8, align 4
  %v10 = trunc nuw i8 %v9 to i1
  %v11 = load i64, ptr %v1, align 8
  %v12 = getelementptr i8, ptr %v1, i64 16
  %v13 = load ptr, ptr %v12, align 8
  br i1 %v10, label %b2, label %b3
b2:
  %v14 = load atomic i64, ptr %v13 monotonic, align 8
  br label %b4
b3:
  %v15 = load atomic i32, ptr %v13 monotonic, align 4
  %v16 = zext i32 %v15 to i64
  br label %b4
b4:
  %v17 = phi i64 [ %v14, %b2 ], [ %v16, %b3 ]
  fence acquire
  %v18 = load i8, ptr %v8, align 4
  %v19 = trunc nuw i8 %v18 to i1
  %v20 = sub i64 %v11, %v17
  %v21 = select i1 %v19, i64 -1, i64 4294967295
  %v22 = and i64 %v21, %v20
  %v23 = icmp ugt i64 %v22, %v5
  %v24 = sub nuw nsw i64 %v5, %v22
  %v25 = icmp samesign ult i64 %v24, 16
  %v26 = select i1 %v23, i1 true, i1 %v25
  br i1 %v26, label %b8, label %b5
b5:
  %v27 = and i64 %v11, %v6
  %v28 = getelementptr i8, ptr %v1, i64 32
  %v29 = load ptr, ptr %v28, align 8
  %v30 = getelementptr inbounds nuw i8, ptr %v29, i64 %v27
  store atomic i32 -2147483640, ptr %v30 monotonic, align 4
  %v31 = getelementptr i8, ptr %v30, i64 4
  store atomic i32 0, ptr %v31 monotonic, align 4
  %v32 = add i64 %v11, 16
  %v33 = select i1 %v10, i64 -1, i64 4294967295
  %v34 = and i64 %v33, %v32
  %v35 = getelementptr i8, ptr %v1, i64 24
  %v36 = load ptr, ptr %v35, align 8
  %v37 = load i8, ptr %v8, align 4
  %v38 = trunc nuw i8 %v37 to i1
  br i1 %v38, label %b6, label %b7
b6:
  store atomic i64 %v34, ptr %v36 release, align 8
  br label %b9
b7:
  %v39 = trunc i64 %v32 to i32
  store atomic i32 %v39, ptr %v36 release, align 4
  br label %b9
b8:
  store i64 %v11, ptr %v1, align 8
  br label %b10
b9:
  store i64 %v34, ptr %v1, align 8
  %v40 = load ptr, ptr %v28, align 8
  %v41 = getelementptr i8, ptr %v40, i64 %v27
  %v42 = getelementptr i8, ptr %v41, i64 8
  %v43 = icmp ne ptr %v42, null
  tail call void @llvm.assume(i1 %v43)
  store i64 %v2, ptr %v42, align 1
  %v44 = load ptr, ptr %v28, align 8
  %v45 = getelementptr inbounds nuw i8, ptr %v44, i64 %v27
  store atomic i32 8, ptr %v45 release, align 4
  br label %b10
b10:
  %v46 = phi i1 [ true, %b9 ], [ false, %b8 ], [ false, %b0 ]
  ret i1 %v46
}
